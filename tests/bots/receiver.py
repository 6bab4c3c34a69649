"""No bot: a receiver of webhooks. It takes what is posted to /hook and keeps it, and answers as it is told.

GET /answer/503 has it answer so from now on; GET /failures/2 has it fail the first two tries of each message. With a
session, as in /answer/503/NAMESPACE/NAME, only the messages about that one are answered so.
GET /messages gives what was posted: headers, body and answer of each.
"""

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What holds for a session by its subject, and by the empty one for all others.
told = {"answer": {"": 204}, "failures": {"": 0}}
messages = []
tries = Counter()


class Receiver(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        """Do what the test says, or tell it what has arrived."""
        _, name, *number_and_subject = self.path.split("/")
        if number_and_subject:
            number, *subject = number_and_subject
            told[name]["/".join(subject)] = int(number)
        self._respond(200, json.dumps(messages).encode())

    def do_POST(self):
        """Take a message."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        message_id = self.headers["webhook-id"]
        tries[message_id] += 1
        answers, failures = (each.get(json.loads(body)["subject"], each[""]) for each in told.values())
        answer = 503 if tries[message_id] <= failures else answers
        messages.append({"headers": dict(self.headers), "body": body, "answer": answer})
        self._respond(answer)

    def _respond(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Receiver).serve_forever()
