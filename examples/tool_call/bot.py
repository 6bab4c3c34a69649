"""A bot that ends itself when its language model decides that the conversation is over."""
# mypy: allow-untyped-decorators

import os

from line import AUDIO, ears, open_line
from pipecat.frames.frames import EndWorkerFrame, FunctionCallResultProperties, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.runner.types import RunnerArguments
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService
from turns import by_quiet

INSTRUCTION = (
    "You are on the telephone: answer in one short sentence, without any formatting. When the caller says goodbye, or "
    "wants nothing more, call end_conversation instead of answering; it says goodbye for you."
)


async def end_conversation(params: FunctionCallParams, reason: str) -> None:
    """Say goodbye and end the call. Use it when the caller says goodbye or wants nothing more.

    Args:
        reason: Why the conversation is over, in a few words.
    """
    # The model has been answered, and is not to say anything more about it.
    await params.result_callback({"status": "ended"}, properties=FunctionCallResultProperties(run_llm=False))
    await params.llm.push_frame(TTSSpeakFrame("Goodbye!"))
    # Downstream, which is the default, and so behind the goodbye: the caller hears all of it. EndTaskFrame is the name
    # that this frame had before Pipecat 1.4.
    await params.llm.push_frame(EndWorkerFrame(reason=reason))


async def bot(runner_args: RunnerArguments) -> None:
    """Talk until the model ends the conversation, or the caller is gone."""
    transport = open_line(runner_args)
    # The OpenAI client reads OPENAI_API_KEY and OPENAI_BASE_URL itself.
    model = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(model=model, system_instruction=INSTRUCTION))
    # A function that is named as a tool needs no more: Pipecat describes it to the model by its docstring.
    context = LLMContext(tools=[end_conversation])
    user, assistant = LLMContextAggregatorPair(context, user_params=by_quiet())
    speaking = [user, llm, EspeakTTSService(), transport.output(), assistant]
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
    await runner.run()
