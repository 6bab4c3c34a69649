"""The local backend's object store. It has an API server's versions, conflicts, finalizers and deletion.

The contract tests of the Kubernetes backend run against it too.
"""

import copy
import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from botsession_contract.json_codec import format_time
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import Json
from botsession_operator.core.observe import ownership
from botsession_operator.errors import Conflict, Refused


class InMemoryObjectStore:
    """Objects of one kind, by namespace and name. `on_change` is called after each change, with the object."""

    def __init__(
        self, on_change: Callable[[Json], None], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._objects: dict[tuple[str, str], Json] = {}
        self._versions = itertools.count(1)
        self._on_change = on_change
        self._now = now

    def get(self, namespace: str, name: str) -> Json | None:
        """Return a copy of an object; None where there is none."""
        return copy.deepcopy(self._objects.get((namespace, name)))

    def names(self) -> list[tuple[str, str]]:
        """Return the namespace and name of each object."""
        return list(self._objects)

    def create(self, manifest: Json) -> bool:
        """Store a new object; return False where one of its name exists."""
        metadata = manifest["metadata"]
        full_name = (metadata["namespace"], metadata["name"])
        if full_name in self._objects:
            return False
        created = copy.deepcopy(manifest)
        created["metadata"] |= {
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": format_time(self._now()),
        }
        self._store(full_name, created)
        return True

    def change(
        self, namespace: str, name: str, change: Callable[[Json], None], version: str | None = None
    ) -> str | None:
        """Change an object, and return its new version; raise Conflict where `version` is not the present one.

        Return None where there is no such object. After removing the last finalizer, callers must call `collect`.
        """
        stored = self._objects.get((namespace, name))
        if stored is None:
            return None
        if version not in (None, stored["metadata"]["resourceVersion"]):
            raise Conflict(f"{namespace}/{name} has changed since version {version}")
        changed = copy.deepcopy(stored)
        change(changed)
        if changed != stored:
            self._store((namespace, name), changed)
        return str(self._objects.get((namespace, name), changed)["metadata"]["resourceVersion"])

    def delete(
        self, namespace: str, name: str, grace: timedelta, *, uid: str | None = None, version: str | None = None
    ) -> None:
        """Mark an object as being deleted; `collect` removes it without finalizers. Grace can only become shorter.

        Raise Conflict where `uid` or `version` is not the present one.
        """

        def mark(stored: Json) -> None:
            by, seconds = format_time(self._now() + grace), round(grace.total_seconds())
            metadata = stored["metadata"]
            if uid not in (None, metadata["uid"]):
                raise Conflict(f"{namespace}/{name} is another than {uid}")
            if "deletionTimestamp" not in metadata:
                metadata["generation"] += 1
            metadata["deletionTimestamp"] = min(by, metadata.get("deletionTimestamp", by))
            metadata["deletionGracePeriodSeconds"] = min(seconds, metadata.get("deletionGracePeriodSeconds", seconds))

        self.change(namespace, name, mark, version)

    def collect(self, namespace: str, name: str) -> None:
        """Remove an object that is being deleted and has no finalizers left."""
        stored = self._objects.get((namespace, name))
        if stored and "deletionTimestamp" in stored["metadata"] and not stored["metadata"].get("finalizers"):
            del self._objects[namespace, name]
            self._on_change(stored)

    def _store(self, full_name: tuple[str, str], changed: Json) -> None:
        changed["metadata"]["resourceVersion"] = str(next(self._versions))
        self._objects[full_name] = changed
        self._on_change(changed)


def check_owner(found: Json, manifest: Json, refused: type[Refused]) -> None:
    """Raise a refusal where the existing object has another owner than the manifest of its name."""
    if not ownership.is_owned_alike(found, manifest):
        raise refused(ConditionReason.NAME_TAKEN, ownership.name_taken(manifest))


def create_owned(objects: InMemoryObjectStore, manifest: Json, refused: type[Refused]) -> None:
    """Store an object; success if its owner has it already. Raise a refusal where it is another owner's."""
    if not objects.create(manifest):
        check_owner(objects.get(*_full_name(manifest)) or manifest, manifest, refused)


def delete_owned(objects: InMemoryObjectStore, manifest: Json) -> None:
    """Delete the object of a manifest at once, unless it is missing or has another owner."""
    found, full_name = objects.get(*_full_name(manifest)), _full_name(manifest)
    if found and ownership.is_owned_alike(found, manifest):
        objects.delete(*full_name, timedelta(0), uid=found["metadata"]["uid"])
        objects.collect(*full_name)


def _full_name(manifest: Json) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]
