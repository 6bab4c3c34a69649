"""Tells Prometheus what kubernetes_sd (role endpointslice) would: Debian's is built without it.

Runs beside Prometheus, which asks over HTTP (http_sd_configs). The meta labels are those that Prometheus documents, so
that the relabelling is the one that users have.
"""

import http.client
import json
import re
import ssl
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
META: Final = "__meta_kubernetes"

Json = dict[str, Any]


def listed(path: str) -> list[Json]:
    """List objects of the cluster."""
    trusted = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    server = http.client.HTTPSConnection("kubernetes.default.svc", timeout=5, context=trusted)
    server.request("GET", path, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"})
    items: list[Json] = json.load(server.getresponse())["items"]
    return items


def targets(services: list[Json], slices: list[Json]) -> list[Json]:
    """Return each port of each endpoint, with what its Service says."""
    known = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["metadata"] for each in services}
    found = []
    for each in slices:
        service = known.get((each["metadata"]["namespace"], each["metadata"]["labels"]["kubernetes.io/service-name"]))
        for endpoint in (each.get("endpoints") or ()) if service else ():
            for port in each.get("ports") or ():
                address = f"{endpoint['addresses'][0]}:{port['port']}"
                found.append({"targets": [address], "labels": labels(service or {}, endpoint)})
    return found


def labels(service: Json, endpoint: Json) -> dict[str, str]:
    """Return the meta labels of a target."""
    pod = endpoint.get("targetRef", {})
    return {
        f"{META}_namespace": service["namespace"],
        f"{META}_service_name": service["name"],
        **{f"{META}_service_label_{plain(k)}": value for k, value in service.get("labels", {}).items()},
        **{f"{META}_service_annotation_{plain(k)}": value for k, value in service.get("annotations", {}).items()},
        **({f"{META}_pod_name": pod["name"]} if pod.get("kind") == "Pod" else {}),
    }


def plain(name: str) -> str:
    """Make a name fit for a label."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


class Answer(BaseHTTPRequestHandler):
    """Answers with the targets as they are now."""

    def do_GET(self) -> None:
        """List them."""
        body = json.dumps(targets(listed("/api/v1/services"), listed("/apis/discovery.k8s.io/v1/endpointslices")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8080), Answer).serve_forever()
