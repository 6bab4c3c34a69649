"""Read a BotSession manifest from a file, or from standard input."""

import sys
from pathlib import Path
from typing import Any, Final

from botsession_operator.cli.exits import Exit, Problem

Json = dict[str, Any]
STDIN: Final = Path("-")


def read_manifest(file: Path) -> Json:
    """Read the one manifest in a file; raise Problem when it holds none or several."""
    import yaml

    try:
        text = sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8")
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except OSError as exc:
        raise Problem(Exit.NOT_FOUND, f"{file} cannot be read: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise Problem(Exit.REFUSED, f"{file} is not YAML: {exc}") from exc
    except RecursionError:
        raise Problem(Exit.REFUSED, f"{file} is nested too deep") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Problem(Exit.REFUSED, f"{file} must hold one BotSession, it holds {len(documents)} documents")
    manifest: Json = documents[0]
    return manifest


def admitted(manifest: Json, namespace: str) -> Json:
    """Give a manifest as the API server would take it; raise Problem, with its sentences, where it would not.

    One that names no namespace is taken for one of this.
    """
    from botsession_operator.api.admission import admit
    from botsession_operator.api.spec import SpecError
    from botsession_operator.core.key import is_namespace

    metadata = manifest.get("metadata")
    if isinstance(metadata, dict):
        manifest = {**manifest, "metadata": {"namespace": namespace, **metadata}}
    try:
        manifest = admit(manifest)
    except SpecError as exc:
        raise Problem(Exit.REFUSED, str(exc)) from exc
    if not is_namespace(manifest["metadata"]["namespace"]):
        raise Problem(Exit.REFUSED, "metadata.namespace: must be a DNS-1123 label of at most 63 characters")
    return manifest
