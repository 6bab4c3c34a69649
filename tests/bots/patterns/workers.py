"""A bot of several workers: one that has the line, and models that hand the caller to each other over the bus.

`body`: {"how": "model ends" | "worker.end" | "runner.end" | "hang-up" | "main ends" | "helper waits" |
"bare helper"}
"""

import asyncio

from line import Line, Model, ToneTTS, make_worker, scene
from pipecat.bus import BusBridgeProcessor
from pipecat.workers.base_worker import BaseWorker
from pipecat.workers.llm import LLMWorker
from pipecat.workers.runner import WorkerRunner


class Agent(LLMWorker):
    """A model of its own, without a line."""

    async def on_activated(self, args):
        """Take over."""
        await super().on_activated(args)
        self.create_task(self._talk(), "talk")

    async def _talk(self):
        """Hand over, or end the session by its own word; a tool would do that, outside of the bus's own task."""
        print(f"{self.name} talks", flush=True)
        self.talks.set()
        if self.name == "greeter":
            await self.activate_worker("support", deactivate_self=True)
        elif self.ends:
            await self.end(reason="the caller said goodbye")


async def bot(runner_args):
    """Hand the caller on, and end."""
    how = runner_args.body["how"]
    line, runner = Line(), WorkerRunner(handle_sigint=False)
    bridge = BusBridgeProcessor(bus=runner.bus, worker_name="main", name="main::BusBridge")
    main = make_worker(line.input(), bridge, ToneTTS(), line.output(), name="main")
    agents = [Agent(name, llm=Model(), bridged=()) for name in ("greeter", "support")]
    for agent in agents:
        agent.ends, agent.talks = how == "model ends", asyncio.Event()
    alone = how in ("helper waits", "main ends", "bare helper")

    @line.event_handler("on_client_connected")
    async def came(_line, _client):
        if not alone:
            await main.activate_worker("greeter")

    @line.event_handler("on_client_disconnected")
    async def left(_line, _client):
        await runner.cancel()

    ends = {
        "worker.end": lambda: agents[1].end(reason="the table is booked"),
        "runner.end": lambda: runner.end(reason="closing time"),
        "hang-up": line.leave,
        "helper waits": lambda: main.cancel(reason="had enough"),
        "main ends": main.stop_when_done,
        "bare helper": main.stop_when_done,
    }

    async def play():
        await line.come()
        if not alone:
            await agents[1].talks.wait()
        if how in ends:
            await ends[how]()

    scene(main, play)
    # A worker that has no conversation, or not even a pipeline, and waits for work for ever.
    helper = BaseWorker("helper") if how == "bare helper" else make_worker(name="helper")
    await runner.add_workers(*([helper] if alone else agents), main)
    await runner.run()
    print("after the runner", flush=True)
