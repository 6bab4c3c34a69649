"""Which reasons each condition may have with each status. The docs' table of conditions is generated from this."""

from typing import Final

from botsession_operator.api.reasons import ConditionReason as Why
from botsession_operator.api.status import ConditionStatus, ConditionType

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

#: The operator's own reasons. `Finished` is True for a `Reason` of the finish; a False condition may also have an
#: `ExternalReason`, or `StatusRefused` in its place where the API server does not accept the whole status.
CONDITION_REASONS: Final[dict[ConditionType, dict[ConditionStatus, tuple[Why, ...]]]] = {
    ConditionType.POD_CREATED: {
        TRUE: (Why.CREATED,),
        FALSE: (Why.NAME_TAKEN, Why.QUOTA_EXCEEDED, Why.SPEC_REFUSED, Why.REFUSED, Why.START_FAILED),
    },
    ConditionType.STARTED: {
        TRUE: (Why.PIPELINE_STARTED, Why.BETWEEN_PIPELINES),
        FALSE: (
            Why.POD_MISSING,
            Why.WAITING_FOR_NODE,
            Why.PREPARING_POD,
            Why.CONTAINER_CREATING,
            Why.IMPORTING_BOT,
            Why.STARTING_PIPELINE,
            Why.WAITING_FOR_CALLER,
            Why.CALLER_CONNECTED,
        ),
    },
    ConditionType.CONTROLLED: {
        TRUE: (Why.ANSWERS,),
        UNKNOWN: (Why.NO_ANSWER,),
        FALSE: (Why.SPEC_REFUSED, Why.FINISHED),
    },
    ConditionType.WATCHED: {FALSE: (Why.HOOK_CANNOT_CONNECT,), TRUE: (Why.HOOK_CONNECTED,)},
    ConditionType.EXPOSED: {
        TRUE: (Why.SERVICE_CREATED,),
        FALSE: (Why.PENDING, Why.NAME_TAKEN, Why.QUOTA_EXCEEDED, Why.REFUSED, Why.FINISHED),
    },
    ConditionType.PROTECTED: {
        TRUE: (Why.IN_CALL, Why.NEVER),
        FALSE: (Why.IDLE, Why.ALLOW, Why.ENDING, Why.NAME_TAKEN, Why.QUOTA_EXCEEDED, Why.REFUSED),
    },
    ConditionType.FINISHED: {FALSE: (Why.NOT_FINISHED,), TRUE: ()},
    ConditionType.RECORDED: {FALSE: (Why.STATUS_REFUSED,), TRUE: (Why.RECORDED,)},
}
