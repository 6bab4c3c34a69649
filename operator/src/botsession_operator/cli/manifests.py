"""Read a BotSession manifest from a file, or from standard input."""

import sys
from pathlib import Path
from typing import Any, Final

from botsession_operator.cli.cli_error import CliError, Exit

Json = dict[str, Any]
STDIN: Final = Path("-")
#: The API server accepts requests of 3 MiB, and a session's spec may have 256 KiB.
LARGEST_BYTES: Final = 1024 * 1024


def read_manifest(file: Path) -> Json:
    """Return the manifest in a file; raise CliError where the file has none or several."""
    from botsession_operator.cli.yaml_values import YamlError, read_documents

    try:
        documents = read_documents(_text(file))
    except YamlError as exc:
        raise CliError(Exit.REFUSED, f"{file} {exc}") from exc
    if len(documents) != 1:
        raise CliError(Exit.REFUSED, f"{file} must contain one BotSession, but contains {len(documents)} documents")
    manifest = documents[0]
    if not isinstance(manifest, dict):
        raise CliError(Exit.REFUSED, f"{file} must contain one BotSession, but contains {_kind(manifest)}")
    return manifest


def _text(file: Path) -> str:
    try:
        raw = _bytes(file)
    except IsADirectoryError:
        raise CliError(Exit.REFUSED, f"{file} is a folder, not a manifest") from None
    except (OSError, ValueError) as exc:
        raise CliError(Exit.NOT_FOUND, f"{file} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    if len(raw) > LARGEST_BYTES:
        raise CliError(Exit.REFUSED, f"{file} is larger than {LARGEST_BYTES // 1024} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise CliError(Exit.REFUSED, f"{file} is not YAML: its byte {exc.start} is not UTF-8") from exc


def _bytes(file: Path) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read(LARGEST_BYTES + 1)
    with file.open("rb") as stream:
        return stream.read(LARGEST_BYTES + 1)


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a single value"


def admitted(manifest: Json, namespace: str) -> Json:
    """Return a manifest as the API server would store it; raise CliError, with its messages, where it would refuse it.

    A manifest without a namespace gets this one. What only the operator would refuse is refused too, such as a
    `podTemplate` from which no pod can be built.
    """
    return admitted_with_pod(manifest, namespace)[0]


def admitted_with_pod(manifest: Json, namespace: str) -> tuple[Json, Json]:
    """Return a manifest as `admitted` does, and the pod that the operator would build from it."""
    from botsession_operator.api.admission import admit
    from botsession_operator.api.spec import SpecError
    from botsession_operator.core.session_key import is_namespace

    metadata = manifest.get("metadata")
    if isinstance(metadata, dict):
        manifest = {**manifest, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace}}
    try:
        manifest = admit(manifest)
    except SpecError as exc:
        raise CliError(Exit.REFUSED, str(exc)) from exc
    if not is_namespace(manifest["metadata"]["namespace"]):
        raise CliError(Exit.REFUSED, "metadata.namespace: must be a DNS-1123 label of at most 63 characters")
    try:
        return manifest, _pod_of(manifest)
    except SpecError as exc:
        raise CliError(Exit.REFUSED, str(exc)) from exc


def _pod_of(manifest: Json) -> Json:
    """Return the pod that the operator would build from an admitted manifest; raise SpecError where it cannot."""
    from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
    from botsession_operator.core.observe.parse import parse_session

    stored = {"uid": "0", "resourceVersion": "0", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    session = parse_session({**manifest, "metadata": {**manifest["metadata"], **stored}, "status": {}})
    return build_pod(session, "0" * 64, PodSettings("", Injection.IMAGE_VOLUME))
