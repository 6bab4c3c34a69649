"""A conversation that ends itself while a helper beside it, a root worker too, waits for more. `body`: {"how": …}."""

from ends_itself import end
from pipecat.workers.runner import WorkerRunner
from quiet import PassThrough, make_worker, settle


async def bot(runner_args):
    """Run both, and end the conversation."""
    last = PassThrough()
    conversation, helper = make_worker(last, name="conversation"), make_worker(name="helper")
    runner = WorkerRunner(handle_sigint=False)

    @conversation.event_handler("on_pipeline_started")
    async def started(_worker, _frame):
        await settle()
        await end(runner_args.body["how"], conversation, runner, last)

    await runner.add_workers(conversation, helper)
    await runner.run()
    print("work after the call", flush=True)
