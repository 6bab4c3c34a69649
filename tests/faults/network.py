"""How the operator is led to the proxy: an address that pods reach, and a certificate that the cluster vouches for."""

import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubernetes import client

from tests.faults import node

#: Signed by the cluster's own authority, whose key lies on kind's control plane: the operator trusts it unchanged.
CERTIFICATE: Final = """
set -e; cd $(mktemp -d); ca=/etc/kubernetes/pki/ca
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -subj /CN=fault-proxy -out request
printf 'subjectAltName=IP:%s\\nbasicConstraints=CA:FALSE\\nextendedKeyUsage=serverAuth\\n' "$0" >extensions
openssl x509 -req -in request -CA $ca.crt -CAkey $ca.key -CAcreateserial -CAserial serial -days 2 -extfile extensions
cat key
"""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The API server, as a kubeconfig tells of it."""

    url: str
    trust: ssl.SSLContext


def upstream() -> Upstream:
    """Return the API server that the loaded kubeconfig names; who asks is left to each request."""
    configuration = client.Configuration.get_default_copy()
    return Upstream(configuration.host, ssl.create_default_context(cafile=configuration.ssl_ca_cert))


def gateway() -> str:
    """Return this machine's address in the network of kind's nodes: pods reach it, and nobody outside does."""
    form = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    return node.docker("inspect", node.CONTROL_PLANE, "--format", form).strip()


def server_context(address: str) -> ssl.SSLContext:
    """Return a TLS server that the cluster's service accounts trust under an address."""
    command = ["docker", "exec", node.CONTROL_PLANE, "bash", "-c", CERTIFICATE, address]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle.pem"
        bundle.touch(mode=0o600)
        bundle.write_text(made.stdout)
        context.load_cert_chain(bundle)
    return context
