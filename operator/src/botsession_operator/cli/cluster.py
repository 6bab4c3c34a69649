"""What the commands ask of a cluster, with their user's rights, and what its refusals are in a sentence.

Objects are the API server's own JSON: what `-o json` shows must not have been through anybody's classes. The
libraries that talk are imported with the first question, so that `--help` need not wait for them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx2

from botsession_contract.names import API_VERSION, BOT_CONTAINER, GROUP, PLURAL, VERSION
from botsession_operator.cli.exits import Exit, Problem

Json = dict[str, Any]
SESSIONS: Final = f"/apis/{GROUP}/{VERSION}"
#: A server that says nothing for so long, in seconds, is taken for one that does not answer.
PATIENCE: Final = 10.0
#: The same for streams, but that they may have nothing to say: to connect, read, write, and wait for a connection.
ENDLESS: Final = (PATIENCE, None, PATIENCE, PATIENCE)
MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespace a command is about, as its options say."""

    kubeconfig: Path | None = None
    context: str | None = None
    #: None: that of the context.
    namespace: str | None = None


class Expired(Exception):
    """A watch goes on from a version that the cluster no longer remembers; list anew."""


class Cluster:
    """One cluster, seen by one user, mostly in one namespace."""

    def __init__(self, where: Where) -> None:
        import httpx2
        from lightkube.config.client_adapter import Client, ConnectionParams

        from botsession_operator.cli import kubeconfig

        config = kubeconfig.choose(where.kubeconfig, where.context)
        self.server = config.cluster.server
        self.context = config.context_name
        self.namespace = where.namespace or config.namespace
        with _in_a_sentence(self.server):
            self._http = Client(config, ConnectionParams(timeout=httpx2.Timeout(PATIENCE)))

    def sessions(self, *, everywhere: bool = False, selector: str | None = None) -> Json:
        """List sessions of the namespace, or of all."""
        return self.get(self._path(None if everywhere else self.namespace), _given(labelSelector=selector))

    def session(self, name: str) -> Json:
        """Read a session; raise Problem where there is none."""
        return self.get(f"{self._path(self.namespace)}/{name}")

    def create(self, manifest: Json, *, is_dry: bool = False) -> Json:
        """Create a session as `kubectl create` does, strictly; dry: only have the server say whether it would."""
        namespace = manifest["metadata"].get("namespace", self.namespace)
        checks = _given(fieldValidation="Strict", dryRun="All" if is_dry else None)
        return self._ask("POST", self._path(namespace), checks, json=manifest)

    def change(self, name: str, patch: Json) -> Json:
        """Merge a patch into a session."""
        text = json.dumps(patch)
        return self._ask("PATCH", f"{self._path(self.namespace)}/{name}", content=text, headers=MERGE_PATCH)

    def watch(self, since: str, name: str | None = None, **options: Any) -> Iterator[tuple[str, Json]]:
        """Follow the sessions of a list from its version on: what happened, and to which object. Ends with the stream.

        Raise Expired where that version is forgotten.
        """
        place = None if options.get("everywhere") else self.namespace
        field = f"metadata.name={name}" if name else None
        about = _given(watch="true", resourceVersion=since, labelSelector=options.get("selector"), fieldSelector=field)
        for line in self.lines(self._path(place), about):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise Expired
            yield event["type"], event["object"]

    def events(self, session: Json) -> list[Json]:
        """List the Events about a session and its pod."""
        names = {session["metadata"]["name"], session.get("status", {}).get("podName")}
        listed = self.get(f"/api/v1/namespaces/{self.namespace}/events")["items"]
        return [event for event in listed if event.get("involvedObject", {}).get("name") in names]

    def log(self, pod: str, **options: Any) -> Iterator[str]:
        """Read the lines of a bot's log."""
        about = _given(container=BOT_CONTAINER, **options)
        return self.lines(f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log", about)

    def may(self, verb: str, group: str, resource: str, subresource: str = "") -> bool:
        """Ask whether the user may do something in the namespace."""
        wanted = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
        spec = {"resourceAttributes": {"namespace": self.namespace, **wanted}}
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        answer = self._ask(
            "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json={**kind, "spec": spec}
        )
        return bool(answer["status"]["allowed"])

    def get(self, path: str, query: Json | None = None) -> Json:
        """Read something."""
        return self._ask("GET", path, query or {})

    def lines(self, path: str, query: Json) -> Iterator[str]:
        """Read something line by line, for as long as there is more."""
        with _in_a_sentence(self.server), self._http.stream("GET", path, params=query, timeout=ENDLESS) as answer:
            if answer.is_error:
                answer.read()
                raise refusal(answer.status_code, _said(answer))
            yield from answer.iter_lines()

    def _ask(self, method: str, path: str, query: Json | None = None, **body: Any) -> Json:
        with _in_a_sentence(self.server):
            answer = self._http.request(method, path, params=query or {}, **body)
        if answer.is_error:
            raise refusal(answer.status_code, _said(answer))
        found: Json = answer.json()
        return found

    def _path(self, namespace: str | None) -> str:
        return f"{SESSIONS}/namespaces/{namespace}/{PLURAL}" if namespace else f"{SESSIONS}/{PLURAL}"


def refusal(code: int, said: str) -> Problem:
    """Put what the API server refused into a sentence and an exit code."""
    match code:
        case HTTPStatus.NOT_FOUND if not said or "requested resource" in said or "page not found" in said:
            return Problem(Exit.UNREACHABLE, f"the cluster knows no {API_VERSION}: is the operator installed there?")
        case HTTPStatus.NOT_FOUND:
            return Problem(Exit.NOT_FOUND, said)
        case HTTPStatus.UNAUTHORIZED:
            return Problem(Exit.FORBIDDEN, "the cluster does not know you: log in anew, or choose another --context")
        case HTTPStatus.FORBIDDEN:
            return Problem(Exit.FORBIDDEN, said)
        case _ if code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(Exit.REFUSED, said)
        case _:
            return Problem(Exit.UNREACHABLE, f"the cluster could not answer: {said or code}")


def _said(answer: "httpx2.Response") -> str:
    try:
        return str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        return answer.text.strip()


@contextmanager
def _in_a_sentence(server: str) -> Iterator[None]:
    """Translate what the libraries raise."""
    import ssl

    import httpx2
    from lightkube.core.exceptions import ConfigError

    try:
        yield
    except httpx2.TimeoutException as exc:
        raise Problem(Exit.UNREACHABLE, f"the cluster at {server} did not answer in time") from exc
    except httpx2.HTTPError as exc:
        raise Problem(Exit.UNREACHABLE, f"the cluster at {server} cannot be reached: {exc}") from exc
    except KeyError as exc:
        # lightkube reads nothing else from a plugin.
        raise Problem(
            Exit.FORBIDDEN, "the credential plugin of the kubeconfig gave no token, which is all that is supported"
        ) from exc
    except ConfigError as exc:
        raise Problem(Exit.FORBIDDEN, f"the kubeconfig's credentials cannot be used: {exc}") from exc
    except (FileNotFoundError, ssl.SSLError, ValueError) as exc:
        raise Problem(Exit.FORBIDDEN, f"the kubeconfig's credentials cannot be used: {exc}") from exc


def _given(**query: Any) -> Json:
    return {name: value for name, value in query.items() if value is not None}
