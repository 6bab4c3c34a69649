"""Names that both sides, the chart and the users' tools rely on."""

from typing import Final

GROUP: Final = "botsession.dev"
VERSION: Final = "v1alpha1"
KIND: Final = "BotSession"
PLURAL: Final = "botsessions"
API_VERSION: Final = f"{GROUP}/{VERSION}"

#: On each pod of a session: the session's name. Selects pods, and tells a pod's event which session it concerns.
SESSION_LABEL: Final = "botsession.dev/session"
#: On each pod of a session: the session's UID, which tells it from an earlier session's of the same name.
SESSION_UID_LABEL: Final = "botsession.dev/session-uid"
#: On a pod: keeps the object until its exit report has been copied into the session's status.
REPORT_FINALIZER: Final = "botsession.dev/report"
#: On a session: makes `kubectl delete` wait for the graceful end and the clean-up.
SESSION_FINALIZER: Final = "botsession.dev/cleanup"
#: The container in which the supervisor and the bot run.
BOT_CONTAINER: Final = "bot"
