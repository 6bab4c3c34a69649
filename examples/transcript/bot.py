"""A bot that saves what was said, once, however the conversation ends."""
# mypy: allow-untyped-decorators

import asyncio
import os
from collections.abc import Iterable

import aiohttp
from line import AUDIO, ears, open_line
from loguru import logger
from parrot import Parrot
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMAssistantAggregator,
    LLMContextAggregatorPair,
    LLMUserAggregator,
    UserTurnStoppedMessage,
)
from pipecat.runner.types import RunnerArguments
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService
from turns import by_quiet

Turn = dict[str, str]


async def save(url: str, turns: Iterable[Turn]) -> None:
    """Put the transcript where there is none yet, so that a second attempt can do no harm."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        for pause in (0, 1, 2):  # in all much less than the grace and cancel periods, after which the bot is killed
            await asyncio.sleep(pause)
            try:
                async with http.put(url, json=[*turns], headers={"If-None-Match": "*"}) as answer:
                    # 412: an earlier attempt did arrive, and only its answer was lost.
                    if answer.ok or answer.status == 412:
                        return
                    logger.warning(f"the store answered with {answer.status}")
            except (aiohttp.ClientError, TimeoutError) as exc:
                logger.warning(f"the store cannot be reached: {exc!r}")
    logger.error("the transcript is lost")


def take_down(user: LLMUserAggregator, assistant: LLMAssistantAggregator) -> list[Turn]:
    """Return a list that each turn is added to when it is over, or cut off."""
    turns: list[Turn] = []

    @user.event_handler("on_user_turn_stopped")
    async def user_spoke(_aggregator: object, _strategy: object, message: UserTurnStoppedMessage) -> None:
        turns.append({"role": "user", "content": message.content or "", "at": message.timestamp})

    @assistant.event_handler("on_assistant_turn_stopped")
    async def assistant_spoke(_aggregator: object, message: AssistantTurnStoppedMessage) -> None:
        turns.append({"role": "assistant", "content": message.content, "at": message.timestamp})

    return turns


async def bot(runner_args: RunnerArguments) -> None:
    """Talk until one of us says goodbye, and save the transcript then."""
    # Looked up now: a setting that is missing should keep the call from starting, not the transcript from being saved.
    url = f"{os.environ['TRANSCRIPT_STORE']}/{runner_args.session_id}.json"
    transport = open_line(runner_args)
    user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=by_quiet())
    turns = take_down(user, assistant)
    # An LLM would stand behind the user's aggregator, which the parrot does not need.
    speaking = [Parrot(), user, EspeakTTSService(), transport.output(), assistant]
    worker = PipelineWorker(
        Pipeline([transport.input(), *ears(), *speaking]),
        params=AUDIO,
        idle_timeout_secs=runner_args.pipeline_idle_timeout_secs,
    )

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame("hello"))

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)
    try:
        await runner.run()
    finally:
        # Not in on_pipeline_finished: that event does not come where an EndFrame was stuck and the pipeline had to be
        # forced, and the last turn may not be in the list yet where it does.
        await save(url, turns)
