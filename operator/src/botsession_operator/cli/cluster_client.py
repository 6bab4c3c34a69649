"""Requests of the commands to a cluster, with their user's rights. Refusals become sentences.

Objects stay the API server's own JSON, so that `-o json` shows all fields. The HTTP libraries are imported with the
first request, so that `--help` does not wait for them.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx2

from botsession_contract.names import API_VERSION, BOT_CONTAINER
from botsession_operator.api import bounded_json
from botsession_operator.cli.cli_error import CliError, Conflict, Exit
from botsession_operator.core.api_paths import ApiPath, InvalidPathError
from botsession_operator.core.api_resources import PODS, SESSIONS, Resource, Target
from botsession_operator.core.session_key import is_namespace, is_session_name

Json = dict[str, Any]
CORE_EVENTS: Final = Resource("", "v1", "Event", "events")
REVIEWS: Final = Resource("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews")
#: The time-out of requests, in seconds.
PATIENCE: Final = 10.0
#: The time-outs of streams, to connect, read, write and wait for a connection. A stream may be silent forever.
ENDLESS: Final = (PATIENCE, None, PATIENCE, PATIENCE)
#: Replaces a session that is too large: it was stored before the CRD bounded its size.
UNREAD: Final = {"bot": {"image": "(the session is too large to read)"}}
MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True)
class Where:
    """The cluster and the namespace that a command's options name."""

    kubeconfig: Path | None = None
    context: str | None = None
    #: None: that of the context.
    namespace: str | None = None


class Expired(Exception):
    """The cluster no longer has the version from which a watch should continue; list again."""


class ClusterClient:
    """Sends requests to one cluster, with the user's rights, and by default in one namespace."""

    def __init__(self, where: Where) -> None:
        import httpx2
        from lightkube.config.client_adapter import Client, ConnectionParams

        from botsession_operator.cli import kubeconfig

        config = kubeconfig.choose(where.kubeconfig, where.context)
        self.server = config.cluster.server
        self.context = config.context_name
        self.namespace = where.namespace or config.namespace
        if not is_namespace(self.namespace):
            raise CliError(Exit.REFUSED, f"{self.namespace!r} is not a namespace: it must be a DNS-1123 label")
        with _in_a_sentence(self.server):
            self._http = Client(config, ConnectionParams(timeout=httpx2.Timeout(PATIENCE)))

    def sessions(self, *, everywhere: bool = False, selector: str | None = None) -> Json:
        """Return the list of sessions of the namespace, or of all namespaces."""
        return self.get(_listed(SESSIONS, None if everywhere else self.namespace, labelSelector=selector))

    def session(self, name: str) -> Json:
        """Return a session; raise CliError where there is none."""
        return self.get(self._session(name))

    def create(self, manifest: Json, *, is_dry: bool = False) -> Json:
        """Create a session, with strict validation. With `is_dry` the server only validates it."""
        namespace = manifest["metadata"].get("namespace", self.namespace)
        path = _listed(SESSIONS, namespace, fieldValidation="Strict", dryRun="All" if is_dry else None)
        return self._ask("POST", path, json=manifest)

    def change(self, name: str, patch: Json) -> Json:
        """Merge a patch into a session."""
        return self._ask("PATCH", self._session(name), content=json.dumps(patch), headers=MERGE_PATCH)

    def watch(self, since: str, name: str | None = None, **options: Any) -> Iterator[tuple[str, Json]]:
        """Yield each event type and object after the version of a list, until the stream ends.

        Raise Expired where the cluster no longer has that version.
        """
        place = None if options.get("everywhere") else self.namespace
        field = f"metadata.name={name}" if name else None
        about = {"watch": "true", "resourceVersion": since, "labelSelector": options.get("selector")}
        for line in self.lines(_listed(SESSIONS, place, **about, fieldSelector=field)):
            event = bounded_json.read(line.encode(), replacement=UNREAD)
            if event["type"] == "ERROR":
                raise Expired
            yield event["type"], event["object"]

    def events(self, session: Json) -> list[Json]:
        """Return the Events about a session and its pod."""
        names = {session["metadata"]["name"], session.get("status", {}).get("podName")}
        listed = self.get(_listed(CORE_EVENTS, self.namespace))["items"]
        return [event for event in listed if event.get("involvedObject", {}).get("name") in names]

    def log(self, pod: str, **options: Any) -> Iterator[str]:
        """Return the lines of a bot's log."""
        given = {name: str(value) for name, value in options.items() if value is not None}
        about = {"container": BOT_CONTAINER, **given}
        return self.lines(_path(*Target(PODS, self.namespace, pod).segments, "log", query=about))

    def may(self, verb: str, group: str, resource: str, subresource: str = "") -> bool:
        """Return whether the user has a right in the namespace."""
        wanted = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
        spec = {"resourceAttributes": {"namespace": self.namespace, **wanted}}
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        answer = self._ask("POST", _listed(REVIEWS, None), json={**kind, "spec": spec})
        return bool(answer["status"]["allowed"])

    def get(self, path: ApiPath) -> Json:
        """Return the object at a path."""
        return self._ask("GET", path)

    def lines(self, path: ApiPath) -> Iterator[str]:
        """Yield the lines of a stream until it ends."""
        with _in_a_sentence(self.server), self._http.stream("GET", path.text, timeout=ENDLESS) as answer:
            if answer.is_error:
                answer.read()
                if answer.status_code == HTTPStatus.GONE:
                    raise Expired
                raise refusal(answer.status_code, _message_of(answer))
            yield from answer.iter_lines()

    def _ask(self, method: str, path: ApiPath, **body: Any) -> Json:
        with _in_a_sentence(self.server):
            answer = self._http.request(method, path.text, **body)
        if answer.is_error:
            raise refusal(answer.status_code, _message_of(answer))
        found: Json = bounded_json.read(answer.content, replacement=UNREAD)
        return found

    def _session(self, name: str) -> ApiPath:
        if not is_session_name(name):
            raise CliError(Exit.NOT_FOUND, f"no session can be named {name!r:.100}: a name is a DNS-1123 subdomain")
        return Target(SESSIONS, self.namespace, name).path()


def refusal(code: int, message: str) -> CliError:
    """Return a refusal of the API server as a sentence with an exit code."""
    match code:
        case HTTPStatus.NOT_FOUND if not message or "requested resource" in message or "page not found" in message:
            return CliError(Exit.UNREACHABLE, f"the cluster has no {API_VERSION}: is the operator installed?")
        case HTTPStatus.NOT_FOUND:
            return CliError(Exit.NOT_FOUND, message)
        case HTTPStatus.UNAUTHORIZED:
            return CliError(
                Exit.FORBIDDEN, "the cluster rejects your credentials: log in again, or choose another --context"
            )
        case HTTPStatus.FORBIDDEN:
            return CliError(Exit.FORBIDDEN, message)
        case HTTPStatus.CONFLICT:
            return Conflict(Exit.REFUSED, message)
        case _ if code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return CliError(Exit.REFUSED, message)
        case _:
            return CliError(Exit.UNREACHABLE, f"the cluster answered with an error: {message or code}")


def _message_of(answer: "httpx2.Response") -> str:
    try:
        return str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        return answer.text.strip()


@contextmanager
def _in_a_sentence(server: str) -> Iterator[None]:
    """Translate exceptions of the libraries into CliError."""
    import ssl

    import httpx2
    from lightkube.core.exceptions import ConfigError

    try:
        yield
    except httpx2.TimeoutException as exc:
        raise CliError(Exit.UNREACHABLE, f"the cluster at {server} did not answer in time") from exc
    except httpx2.HTTPError as exc:
        raise CliError(Exit.UNREACHABLE, f"the cluster at {server} cannot be reached: {exc}") from exc
    except KeyError as exc:
        # lightkube reads only the token from a plugin's answer.
        raise CliError(
            Exit.FORBIDDEN,
            "the kubeconfig's credential plugin returned no token; botsession supports only tokens from plugins",
        ) from exc
    except ConfigError as exc:
        raise CliError(Exit.FORBIDDEN, f"the kubeconfig's credentials cannot be used: {exc}") from exc
    except (FileNotFoundError, ssl.SSLError, ValueError) as exc:
        raise CliError(Exit.FORBIDDEN, f"the kubeconfig's credentials cannot be used: {exc}") from exc


def _listed(resource: Resource, namespace: str | None, **query: str | None) -> ApiPath:
    return _path(*resource.segments(namespace), query=query)


def _path(*segments: str, query: Mapping[str, str | None]) -> ApiPath:
    """Return a path; raise CliError where a text cannot be part of one."""
    try:
        return ApiPath(*segments, query=query)
    except InvalidPathError as exc:
        raise CliError(Exit.REFUSED, str(exc)) from exc
