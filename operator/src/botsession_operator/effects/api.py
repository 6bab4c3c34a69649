"""JSON requests to the API server, over the official client's transport.

The client's typed models are not used: building them from each answer costs time, and the core reads plain JSON, which
the local backend provides too.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config

from botsession_operator.api import bounded_json
from botsession_operator.api.spec import Json
from botsession_operator.core.api_paths import ApiPath
from botsession_operator.errors import ClusterUnavailable

REQUEST_TIMEOUT_SECONDS = 10.0
#: A proxy may ask for any time. A session's end does not wait longer than this.
MAX_RETRY_AFTER_SECONDS = 60
#: In bytes. Parsing a larger answer takes tens of milliseconds, and so runs in a thread.
LARGEST_READ_AT_ONCE = 256 * 1024
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API server."""

    status: int
    body: Json

    @property
    def is_ok(self) -> bool:
        """Return whether the request was carried out."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def message(self) -> str:
        """Return the API server's message on a refusal."""
        return str(self.body.get("message", _PHRASES.get(self.status, self.status)))


async def connect(kubeconfig: Path | None = None) -> client.ApiClient:
    """Return a client: inside the cluster with the pod's service account, outside with a kubeconfig."""
    configuration = client.Configuration()
    if kubeconfig is None:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    return make_client(configuration)


def make_client(configuration: client.Configuration) -> client.ApiClient:
    """Return a client, which uses the proxy of the environment where there is one."""
    configuration.proxy = configuration.proxy or _environment_proxy(configuration.host)
    # By default aiohttp looks for a proxy in the environment with each request, in a thread.
    configuration.client_session_kwargs = {"trust_env": False}
    return client.ApiClient(configuration)


async def request(
    api: client.ApiClient,
    method: str,
    path: ApiPath,
    body: Any = None,
    content_type: str = JSON,
    accept: str = JSON,
    timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
) -> Answer:
    """Send a request; raise ClusterUnavailable where there is no answer, or one that asks to come back later."""
    # The client's `param_serialize` does the same, and searches the whole body for its models.
    headers = {"Accept": accept, "Content-Type": content_type, **api.default_headers, **await _credentials(api)}
    url = api.configuration.host + path.text
    try:
        response = await api.call_api(method, url, headers, body, _request_timeout=timeout_seconds)
        raw = await response.read()
    except (TimeoutError, aiohttp.ClientError, OSError, client.ApiException) as exc:
        raise ClusterUnavailable(f"{method} {path}: {exc!r}") from exc
    answer = Answer(response.status, await _parsed(raw))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _RETRY_STATUSES:
        retry_after = _retry_after(response.headers.get("Retry-After", ""))
        raise ClusterUnavailable(f"{method} {path}: {answer.status} {answer.message}", retry_after)
    return answer


def _retry_after(header: str) -> timedelta:
    """Return how long the server asks to wait, in whole seconds as the API server writes them; at most a minute."""
    seconds = int(header[:9]) if header.isascii() and header.isdigit() else 0
    return timedelta(seconds=min(seconds, MAX_RETRY_AFTER_SECONDS))


async def _credentials(api: client.ApiClient) -> dict[str, str]:
    """Return the headers that authenticate. A service account's token is read again before it expires."""
    settings = await api.configuration.auth_settings()
    return {each["key"]: each["value"] for each in settings.values() if each["in"] == "header" and each["value"]}


def _environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL."""
    scheme, _, rest = url.partition("://")
    host, _, _ = rest.partition("/")
    return None if proxy_bypass(host) else getproxies().get(scheme)


async def read_json(raw: bytes) -> Any:
    """Return the JSON value of an answer, within the bounds of `bounded_json`; raise ValueError where it is no JSON.

    A large answer is parsed in a thread, so that it does not block the event loop.
    """
    if len(raw) > LARGEST_READ_AT_ONCE:
        return await asyncio.to_thread(bounded_json.read, raw)
    return bounded_json.read(raw)


async def _parsed(raw: bytes) -> Json:
    try:
        parsed = await read_json(raw)
    except ValueError:
        return {"message": raw.decode("utf-8", errors="replace")}
    return parsed if isinstance(parsed, dict) else {}


#: HTTP's own statuses. Proxies use others too, such as 499 and 520.
_PHRASES = {int(each): each.phrase for each in HTTPStatus}
_RETRY_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.UNAUTHORIZED}
