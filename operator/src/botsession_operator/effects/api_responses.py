"""Check the API server's answers: whether they are about the requested object, and whether a retry makes sense."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from loguru import logger as log

from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import Resource, Target
from botsession_operator.effects.api import Answer
from botsession_operator.errors import ClusterUnavailable, RequestRefused, WrongAnswer

#: Client errors that may pass without a change of the request: an administrator grants a right or installs the CRD
#: again, or an object gets a new version. All other client errors are permanent.
_RETRYABLE: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)

#: The plain text with which Go's servers answer for an unknown path.
_UNKNOWN_PATH: Final = "404 page not found"


def is_missing(answer: Answer, target: Target) -> bool:
    """Return whether the API server says that this object does not exist.

    It says so in a Status whose details name the object. Other answers with 404 are about something else: for a kind
    that is not served the answer is the text `404 page not found`, and for a missing namespace the details name that.
    """
    details = answer.body.get("details")
    if not (is_status(answer, "NotFound") and isinstance(details, dict)):
        return False
    named = (details.get("group", ""), details.get("kind"), details.get("name"))
    return named == (target.resource.group, target.resource.plural, target.name)


def is_unserved(answer: Answer, resource: Resource) -> bool:
    """Return whether the API server does not serve a kind that a cluster may lack, and so has no object of it.

    Each cluster serves Kubernetes' own kinds. For these, such an answer comes from another program, such as a proxy.
    """
    is_no_page = answer.status == HTTPStatus.NOT_FOUND and answer.body.get("kind") != "Status"
    return is_no_page and resource.may_be_unserved and answer.message.strip() == _UNKNOWN_PATH


def is_status(answer: Answer, reason: str) -> bool:
    """Return whether the answer is the API server's own refusal for this reason."""
    return not answer.is_ok and answer.body.get("kind") == "Status" and answer.body.get("reason") == reason


def expect(answer: Answer, *allowed: HTTPStatus) -> None:
    """Raise RequestRefused for a permanent refusal, and ClusterUnavailable for any other."""
    if answer.is_ok or answer.status in allowed:
        return
    log.warning("API server refused", status=answer.status, message=answer.message)
    if answer.status in _RETRYABLE:
        raise ClusterUnavailable(f"{answer.status}: {answer.message}")
    raise RequestRefused(f"{answer.status}: {answer.message}")


def object_of(answer: Answer, target: Target) -> Json | None:
    """Return the requested object, or None where it does not exist; raise WrongAnswer for any other object."""
    if is_missing(answer, target):
        return None
    expect(answer)
    metadata = answer.body.get("metadata")
    if not isinstance(metadata, dict) or not _is_target(answer.body, metadata, target):
        raise WrongAnswer(f"asked for {target}, the API server answered with another object")
    return answer.body


def items_of(
    answer: Answer, resource: Resource, namespace: str | None, labels: dict[str, str | None]
) -> Iterator[Json]:
    """Yield the objects of a list that match the request: in the namespace, and with the labels.

    A label that is None may have any value. Objects that do not match are left out. Raise WrongAnswer where the answer
    is no list, because that must not count as an empty list.
    """
    expect(answer)
    for item in _items(answer, resource):
        metadata = item["metadata"]
        given = metadata.get("labels") or {}
        has_labels = all(name in given and value in (None, given[name]) for name, value in labels.items())
        if has_labels and namespace in (None, metadata["namespace"]):
            yield item
        else:
            log.warning("unexpected object in the answer", kind=resource.kind, name=metadata.get("name"))


def _items(answer: Answer, resource: Resource) -> list[Json]:
    items = answer.body.get("items", "none")
    if str(answer.body.get("kind")).endswith("List") and (items is None or isinstance(items, list)):
        return items or []  # Go may write an empty list as null
    raise WrongAnswer(f"asked for a list of {resource.plural}, the API server answered with something else")


def _is_target(body: Json, metadata: Json, target: Target) -> bool:
    found = (body.get("kind"), metadata.get("namespace"), metadata.get("name"))
    return found == (target.resource.kind, target.namespace, target.name)
