#!/usr/bin/env python3
"""Stands in the place of the supervisor, and lies to the operator: `spec.bot.python` names it as the interpreter.

LIE says how it answers on the supervisor's port, and REPORT what it leaves as its termination message. Its log says
`trapped` where the operator followed it to another port.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

CONTROL_PORT = 8474
TRAP_PORT = 8999
LIE, REPORT = os.environ.get("LIE", "silence"), os.environ.get("REPORT", "none")
MESSAGE_FILE = "/dev/termination-log"
AT = "2026-01-31T12:00:00Z"
GOOD = {"reason": "Completed", "outcome": "Drained", "finishedAt": AT}
REPORTS = {
    "none": "",
    "deep": "[" * 4000,
    "calendar": json.dumps({**GOOD, "finishedAt": "0001-01-01T00:00:00+14:00"}),
    "end": json.dumps({**GOOD, "startedAt": "9999-12-31T23:59:59Z"}),
    "nan": json.dumps({**GOOD, "timings": {"drained": float("nan")}}),
    "digits": json.dumps(GOOD)[:-1] + ', "exitCode": ' + "9" * 400 + "}",
    "names": json.dumps({**GOOD, "danglingTasks": {"count": 21, "names": ["n"] * 21}}),
    "steps": json.dumps(
        {
            **GOOD,
            "ending": {
                "cause": "Deleted",
                "mode": "Graceful",
                "requestedAt": AT,
                "steps": [{"step": "Kill", "at": AT}] * 17,
            },
        }
    ),
    "frame": json.dumps({**GOOD, "frame": "F" * 2000}),
    "escapes": json.dumps({**GOOD, "message": "\x1b]52;c;AA==\x07\x9b31m", "stuckAt": "\ud800\x00"}),
    "newer": json.dumps({**GOOD, "reason": "Abducted", "outcome": "Evaporated"}),
}


def now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def snapshot(**members):
    return json.dumps({"state": "Running", "now": now(), "startedAt": now(), **members}).encode()


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path in ("/livez", "/readyz"):
            self.say(b"ok\n")
        else:
            self.lie()

    do_POST = do_PATCH = do_GET  # noqa: N815

    def lie(self):
        if LIE == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" " * 65536)
        elif LIE == "redirect":
            self.send_response(307)
            self.send_header("Location", f"http://{os.environ['POD_IP']}:{TRAP_PORT}/admin")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif LIE == "hang":
            time.sleep(3600)
        else:
            self.say(ANSWERS[LIE]())

    def say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Trap(Liar):
    def do_GET(self):
        print("trapped", self.command, self.path, flush=True)
        self.say(b"{}")

    do_POST = do_PATCH = do_GET  # noqa: N815


ANSWERS = {
    "garbage": lambda: os.urandom(1000),
    "deep": lambda: b"[" * 60_000,
    "calendar": lambda: snapshot(now="9999-12-31T23:59:59-23:59"),
    "nan": lambda: snapshot(limits={"joinTimeoutSeconds": float("nan")}),
    "obedient": snapshot,
    "ending": lambda: snapshot(ending={"cause": "Evicted", "mode": "Immediate", "requestedAt": now()}),
    "silence": lambda: b"",
}


def leave(*_):
    """Leave a forged report, and go."""
    Path(MESSAGE_FILE).write_text(REPORTS[REPORT], encoding="utf-8", errors="surrogatepass")
    os._exit(0)


def main():
    signal.signal(signal.SIGTERM, leave)
    if LIE == "leaves":
        leave()
    trap = http.server.ThreadingHTTPServer(("", TRAP_PORT), Trap)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("", CONTROL_PORT), Liar).serve_forever()


if __name__ == "__main__":
    sys.exit(main())
