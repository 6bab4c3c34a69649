"""A bot that is hostile to its supervisor, by way of what it inherits from it. `body`: {"how": one of the functions}.

It says `ready` on stdout when the supervisor should be in trouble.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

PR_SET_NAME = 15
CONTROL_PORT = 8474
#: No flood lasts longer, in seconds, whatever becomes of its supervisor.
LONGEST = 200.0
FIELDS = [
    "frame",
    "ours",
    "held_by",
    "reason",
    "step",
    "state",
    "refused",
    "names",
    "message",
    "what",
    "port",
    "pid",
    "signal",
    "thread",
    "fatal",
]


def wire():
    """Return the descriptor that leads to the supervisor."""
    return int(os.environ["BOTSESSION_AGENT_FD"].partition(":")[0])


def flood(fd, data, *, ready_after=50):
    """Write without an end, as fast as it is read."""
    until, written = time.monotonic() + LONGEST, 0
    while time.monotonic() < until:
        select.select([], [fd], [], 1.0)
        try:
            os.write(fd, data)
        except BlockingIOError:
            continue
        written += 1
        if written == ready_after:
            ready()


def ready():
    """Say that it has begun."""
    print("ready", flush=True)


def say(**event):
    """Write one line to the supervisor, whatever is in it."""
    os.set_blocking(wire(), True)
    os.write(wire(), json.dumps(event).encode() + b"\n")


def lines():
    """Write events, small and good."""
    flood(wire(), b'{"event": "client", "at": 1}\n' * 2000)


def garbage():
    """Write lines that are no events."""
    flood(wire(), b"1\n\n{}\n[]\nnull\n" * 4000)


def noline():
    """Write one line without an end."""
    flood(wire(), b"x" * 65536)


def deep():
    """Write lines that are nested too deep to be read."""
    flood(wire(), b"[" * 60000 + b"\n")


def times():
    """Tell of times that there are none of, and end."""
    for at in (1e300, -1e300, float("nan"), float("inf"), 10**400, 2**63, -1, True, "1", None, []):
        for event in ("hooked", "started", "client", "active", "idle", "left"):
            say(event=event, at=at)
    sys.exit(3)


def names():
    """Tell of a great many tasks with long names, and of counts that no status holds, and end."""
    say(event="started", at=time.monotonic())
    for _ in range(5):
        say(event="dangling", at=1, count=30, managed=30, names=["\u202e\x1b" * 500] * 20)
        say(event="dangling", at=1, count=10**300, managed=-1, names=[])
        say(event="dangling", at=1, count=7, names=[f"task {n}" * 100 for n in range(9999)])
    sys.exit(3)


def types():
    """Tell of what is of another kind than it should be, and end."""
    for value in (None, 1, 1.5, "text", [], {}, [[]], {"a": {}}, True, "\ud800\x00\x1b[2J" * 999):
        for name in ("hop", "finished", "took", "farewell", "dumpable", "dangling", "error", "listening", "timeout"):
            fields = (
                "frame",
                "ours",
                "held_by",
                "reason",
                "step",
                "state",
                "refused",
                "names",
                "message",
                "what",
                "port",
            )
            say(event=name, at=1, **dict.fromkeys(fields, value), pid=value, signal=value, thread=value, fatal=value)
        say(event=value, at=1)
    sys.exit(3)


def stacks():
    """Fill the pipe for stack dumps, without an end."""
    pipes = [each for each in Path("/proc/self/fd").iterdir() if each.is_fifo() and int(each.name) > 2]
    os.set_blocking(pipe := int(pipes[0].name), False)
    flood(pipe, b'Thread 0x1:\n  File "' + b"x" * 60000 + b'", line 99999999999 in y\n', ready_after=1)


def strike():
    """Have the supervisor signal itself, everybody, and its own group, where it believes what it is told."""
    for pid in (os.getppid(), 1, 0, -1, 2**40):
        for number in (9, 15, 19, 41):
            say(event="dumpable", at=1, pid=pid, signal=number, thread=1)
    ready()
    time.sleep(LONGEST)


def name():
    """Take a name that is no UTF-8, and end no more."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"\xff) \xfe(", 0, 0, 0)
    ready()
    time.sleep(LONGEST)


def orphans():
    """Leave processes behind that renew themselves for a while, and end."""
    until = time.monotonic() + 5
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            while time.monotonic() < until:
                if os.fork():
                    os._exit(0)
            os._exit(0)
    os._exit(3)


def result():
    """Hand over a result without an end, and end."""
    with Path(os.environ["BOTSESSION_RESULT_FILE"]).open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0)
        file.write(b"[" * 999999)
    sys.exit(3)


def stop():
    """Stop and kill the supervisor, as far as the kernel lets it."""
    for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGUSR1, signal.SIGQUIT):
        os.kill(os.getppid(), number)
    ready()
    time.sleep(LONGEST)


def signals():
    """Send the supervisor signals that it acts on, from two processes, as fast as can be."""
    supervisor, until = os.getppid(), time.monotonic() + LONGEST
    ready()  # before there are two, whose lines could be mixed
    os.fork()
    while time.monotonic() < until:
        for _ in range(1000):
            os.kill(supervisor, signal.SIGCHLD)


def port():
    """Listen in the supervisor's place, and end with 4 where that is possible."""
    for host in ("0.0.0.0", "127.0.0.1", socket.gethostbyname(socket.gethostname()), "::", "::1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family) as listener:
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                listener.setsockopt(socket.SOL_SOCKET, option, 1)
            listener.bind((host, CONTROL_PORT))
            listener.listen()
            sys.exit(4)
    sys.exit(3)


def fifo(report):
    """Put a pipe that nobody reads in the report's place, and end."""
    os.mkfifo(report)
    sys.exit(3)


def link(report):
    """Put a link in the report's place, and end."""
    Path(report).symlink_to(Path(report).with_name("elsewhere"))
    sys.exit(3)


def device(report):
    """Put a link to a device that is always full in the report's place, and end."""
    Path(report).symlink_to("/dev/full")
    sys.exit(3)


def locked(report):
    """Forge a report and lock it, and end."""
    Path(report).write_text('{"reason": "Completed"}')
    Path(report).chmod(0)
    sys.exit(3)


async def bot(runner_args):
    """Be hostile."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    how = runner_args.body["how"]
    arguments = [runner_args.body["report"]] if "report" in runner_args.body else []
    globals()[how](*arguments)
