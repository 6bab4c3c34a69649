"""Bodies that are too large for the operator, as text: Python could not write some of them."""

from typing import Final

from tests.e2e.world import World, kubectl

#: The API server takes them where the chart's policy is not there.
BODIES: Final = {
    "deep": "[" * 3000 + "]" * 3000,
    "deepest": '{"a":' * 9900 + "1" + "}" * 9900,
    "large": "[" + "{},\n" * 250_000 + "1]",
}


def create_with(world: World, name: str, body: str) -> str:
    """Create a session by kubectl; return the refusal, empty where there is none."""
    kind = '"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession"'
    bot = f'{{"image": "botsession/testbot:dev", "target": "completes.py", "body": {body}}}'
    text = f'{{{kind}, "metadata": {{"name": "{name}"}}, "spec": {{"bot": {bot}}}}}'
    return kubectl("create", "-n", world.namespace, "-f", "-", stdin=text).stderr
