"""Starts the bot. Imported before anything else, so it costs little: no asyncio, dataclasses, pathlib or payloads.

It reads the launch as plain JSON for the same reason; the supervisor decodes and checks all of it while the bot imports
Pipecat.
"""

import json
import os
import socket
import subprocess
from typing import Any, NamedTuple

from botsession_contract import dual_stack
from botsession_contract.result import RESULT_FILE_ENV
from botsession_runtime import memory, result

#: The environment variables that a bot's process gets from us. The first five are spelt again in `hook.ipc`,
#: which must stand alone; a test holds them together.
AGENT_FD_ENV = "BOTSESSION_AGENT_FD"
STACK_FD_ENV = "BOTSESSION_STACK_FD"
AGENT_SOCKET_ENV = "BOTSESSION_AGENT_SOCKET"
AGENT_TOKEN_ENV = "BOTSESSION_AGENT_TOKEN"  # noqa: S105  # the name of one
AGENT_MARK_ENV = "BOTSESSION_AGENT_MARK"
BOT_ENV = "BOTSESSION_BOT"
LAUNCH_ENV = "BOTSESSION_LAUNCH"
#: A command's body, as JSON. A command has no runner arguments that could carry it.
BODY_ENV = "BOTSESSION_BODY"
SETUP_FILES_ENV = "PIPECAT_SETUP_FILES"
#: Where the control endpoint listens if the launch does not say; as in the contract, which is imported later.
#: All addresses, of both families.
CONTROL_HOST = "0.0.0.0"  # noqa: S104
CONTROL_PORT = 8474
#: Connections of the bot's processes that wait to be accepted, at most.
MAX_WAITING = 64
HERE = os.path.dirname(os.path.realpath(__file__))
#: The folder that holds our packages.
PACKAGE_FOLDER = os.path.dirname(HERE)
#: An installed runtime lives in `site-packages`, which whoever put it on PYTHONPATH wants there.
IS_INSTALLED = os.path.basename(PACKAGE_FOLDER) == "site-packages"


class HookSocket(NamedTuple):
    """Where the hook connects in all processes of the bot but the first, which inherits a descriptor."""

    listener: socket.socket
    address: str
    token: str


class Bot(NamedTuple):
    """The bot's process, and the supervisor's ends of its sockets, pipes and files."""

    #: None when it could not be started; `failure` says why.
    pid: int | None
    agent: socket.socket
    #: Read end of the pipe for stack dumps.
    stacks: int
    #: The file that takes the session's result.
    result: int
    failure: str | None = None
    #: What the kernel said of the container's memory before the bot was there.
    memory_before: memory.Memory | None = None
    #: Where the control endpoint listens; None where it cannot, and why.
    control: socket.socket | None = None
    control_failure: str = ""
    #: None where the kernel refuses such a socket.
    hooks: HookSocket | None = None
    #: Write end of the pipe for stack dumps, for the processes that do not inherit it.
    stacks_target: int = -1
    #: The file in which the hook says that it could not reach us.
    mark: int = -1


def start(raw_launch: dict[str, Any], environ: dict[str, str]) -> Bot:
    """Start the bot that the launch describes, in a new session, so that its whole process group can be killed.

    The control endpoint's port is taken first, or the bot could listen there in the supervisor's place.
    """
    control, control_failure = listen(raw_launch)
    is_port_taken = control is None and bool(raw_launch.get("hostNetwork"))
    hooks = listen_for_hooks()
    supervisor_end, bot_end = socket.socketpair()
    # Already there when the hook opens the connection: Pipecat's own idle timer must be set before the pipeline starts.
    supervisor_end.send(json.dumps(limits_command(raw_launch.get("limits") or {})).encode() + b"\n")
    stacks_source, stacks_target = os.pipe()
    result_file = result.create_file()
    process, failure, before = None, None, memory.read()
    environment = bot_environment(raw_launch, environ, bot_end.fileno(), stacks_target)
    environment[RESULT_FILE_ENV] = result.path_of(result_file)
    mark = result.create_file()
    environment[AGENT_MARK_ENV] = result.path_of(mark)
    if hooks:
        environment |= {AGENT_SOCKET_ENV: hooks.address, AGENT_TOKEN_ENV: hooks.token}
    try:
        if is_port_taken:
            port = raw_launch.get("controlPort")
            failure = f"the supervisor cannot listen on port {port} of the node: {control_failure}"
        else:
            process = subprocess.Popen(
                command_line(raw_launch),
                env=environment,
                pass_fds=(bot_end.fileno(), stacks_target),
                start_new_session=True,
            )
    except (OSError, ValueError) as exc:
        failure = f"{command_line(raw_launch)[0]} cannot be executed: {getattr(exc, 'strerror', None) or exc}"
    bot_end.close()
    if process is None:
        return Bot(
            None,
            supervisor_end,
            stacks_source,
            result_file,
            failure,
            None,
            control,
            control_failure,
            hooks,
            stacks_target,
            mark,
        )
    # The supervisor reaps every child itself; with a return code, Popen neither reaps nor warns.
    process.returncode = 0
    memory.make_first_victim(process.pid, before.limit if before else None)
    return Bot(
        process.pid,
        supervisor_end,
        stacks_source,
        result_file,
        None,
        before,
        control,
        control_failure,
        hooks,
        stacks_target,
        mark,
    )


def listen_for_hooks() -> HookSocket | None:
    """Return a socket for the bot's processes; it has no file, as a container may have no folder to write to."""
    address, token = f"botsession-{os.urandom(16).hex()}", os.urandom(32).hex()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"\0{address}")
        listener.listen(MAX_WAITING)
    except OSError:
        listener.close()
        return None
    return HookSocket(listener, address, token)


def listen(raw_launch: dict[str, Any]) -> tuple[socket.socket | None, str]:
    """Return the listening socket of the control endpoint; or None, and why there is none."""
    try:
        if raw_launch.get("controlFd") is not None:
            inherited = socket.socket(fileno=int(raw_launch["controlFd"]))
            inherited.set_inheritable(False)
            return inherited, ""
        host, port = raw_launch.get("controlHost") or CONTROL_HOST, raw_launch.get("controlPort") or CONTROL_PORT
        return dual_stack.listen(str(host), port), ""
    except (OSError, ValueError, TypeError, OverflowError) as exc:
        return None, str(exc)


def command_line(raw_launch: dict[str, Any]) -> list[str]:
    """Return what to execute: the command as it is, or our launcher for a target."""
    if raw_launch.get("command"):
        return [str(word) for word in raw_launch["command"]]
    return [raw_launch.get("python") or "python3", "-m", "botsession_runtime.launch"]


def bot_environment(
    raw_launch: dict[str, Any], environ: dict[str, str], agent_fd: int, stack_fd: int
) -> dict[str, str]:
    """Return the bot's environment: the supervisor's own without the launch, plus what the hook needs."""
    env = {key: value for key, value in environ.items() if key != LAUNCH_ENV}
    env[AGENT_FD_ENV] = f"{agent_fd}:{os.fstat(agent_fd).st_ino}:{os.getpid()}"
    env[STACK_FD_ENV] = str(stack_fd)
    files = [env.get(SETUP_FILES_ENV, ""), os.path.join(HERE, "agent.py")]
    env[SETUP_FILES_ENV] = os.pathsep.join(each for each in files if each)
    if raw_launch.get("command"):
        body = {} if raw_launch.get("body") is None else raw_launch["body"]
        return without_package_folder(env) | {BODY_ENV: json.dumps(body)}
    if not IS_INSTALLED:
        # The launcher is found where we are; it takes this out again before the bot is imported.
        env["PYTHONPATH"] = os.pathsep.join(each for each in (PACKAGE_FOLDER, env.get("PYTHONPATH", "")) if each)
    bot = {"target": raw_launch.get("target"), "body": raw_launch.get("body"), "session": raw_launch.get("name")}
    bot["transport"] = raw_launch.get("transport")
    bot["idle"] = (raw_launch.get("limits") or {}).get("idleTimeoutSeconds")
    return env | {BOT_ENV: json.dumps(bot)}


def limits_command(limits: dict[str, Any]) -> dict[str, Any]:
    """Return the command that tells the hook what counts as activity, and whose idle timeout applies."""
    idle = limits.get("idleTimeoutSeconds")
    frames = limits.get("idleFrames") or []
    return {"do": "limit", "takes_over": idle is not None, "watches": bool(idle), "frames": frames}


def without_package_folder(env: dict[str, str]) -> dict[str, str]:
    """Return the environment without the runtime's folder in PYTHONPATH."""
    kept = [each for each in env.get("PYTHONPATH", "").split(os.pathsep) if each and not _is_package_folder(each)]
    rest = {key: value for key, value in env.items() if key != "PYTHONPATH"}
    return rest | {"PYTHONPATH": os.pathsep.join(kept)} if kept else rest


def _is_package_folder(folder: str) -> bool:
    return not IS_INSTALLED and os.path.realpath(folder) == PACKAGE_FOLDER
