"""When the caller's turn is over, for example bots whose pipeline takes turns."""

from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregatorParams
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies


def by_quiet() -> LLMUserAggregatorParams:
    """Let a turn be over when the caller has been quiet for a while: unlike Pipecat's default, this needs no model."""
    return LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()]))
