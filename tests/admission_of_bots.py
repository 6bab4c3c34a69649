"""What admission refuses of a bot and its environment: a part of the tables in `tests/admission.py`."""

from collections.abc import Iterator
from typing import Final

from tests.manifests import Json, Refusal, session

_EITHER: Final = "write exactly one of target (a bot file or module:function) and command (a command line)"
_TARGET: Final = (
    "must be a file that ends in .py, file.py:function or module:function, for example bot.py, "
    "bots.py:support or bots.support:bot"
)
_QUANTITY: Final = "must be a quantity, for example 500m, 2 or 1Gi"
_NAME: Final = "must have printable ASCII characters only, and no ="
_NO_NUL: Final = "leave the NUL character (U+0000) out, because no process can receive it"
_SOURCE: Final = "write exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef"


def bots() -> Iterator[Refusal]:
    bot = "spec.bot"
    yield Refusal("no spec", session(spec=...), "spec", "Required value")
    yield Refusal("no bot", session(spec__bot=...), bot, "Required value")
    yield Refusal("no image", session(spec__bot__image=...), f"{bot}.image", "Required value")
    yield Refusal("an empty image", session(spec__bot__image=""), f"{bot}.image", "should be at least 1 chars long")
    yield Refusal("a number for an image", session(spec__bot__image=3), f"{bot}.image", "must be of type string")
    yield Refusal("a bot of text", session(spec__bot="bot.py"), bot, "must be of type object")
    yield Refusal("neither target nor command", session(spec__bot__target=...), bot, _EITHER)
    yield Refusal("both target and command", session(spec__bot__command=["sh"]), bot, _EITHER)
    yield Refusal("an empty command", session(spec__bot={"image": "a", "command": []}), bot, _EITHER)
    for target in [
        "bot",
        "",
        ".py",
        "-m.py",
        "bot.py:",
        "bot.py:a()",
        "bot.py:a:b",
        "bots:",
        "bots:bot()",
        "my bot",
        "bots/x:bot",
    ]:
        yield Refusal(f"target {target!r}", session(spec__bot__target=target), f"{bot}.target", _TARGET)
    yield Refusal("an empty python", session(spec__bot__python=""), f"{bot}.python", "should be at least 1 chars long")
    yield Refusal(
        "another runtime",
        session(spec__bot__runtime="Sidecar"),
        f"{bot}.runtime",
        'Unsupported value: "Sidecar": supported values: "Injected", "Bundled"',
    )


def environments() -> Iterator[Refusal]:
    def env(*items: Json) -> Json:
        return session(spec__bot__env=items)

    at = "spec.bot.env[0]"
    yield Refusal(
        "a variable of the operator's",
        env({"name": "BOTSESSION_LAUNCH", "value": "{}"}),
        at,
        "names that start with BOTSESSION_ belong to the operator; choose another name",
    )
    yield Refusal(
        "a variable with two values",
        env({"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}),
        at,
        "write either value or valueFrom, not both",
    )
    yield Refusal("a value from nowhere", env({"name": "A", "valueFrom": {}}), f"{at}.valueFrom", _SOURCE)
    yield Refusal(
        "a Secret without a name",
        env({"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}),
        f"{at}.valueFrom.secretKeyRef.name",
        "Required value",
    )
    yield Refusal(
        "a variable twice", env({"name": "A"}, {"name": "A"}), "spec.bot.env[1]", 'Duplicate value: {"name":"A"}'
    )
    yield Refusal(
        "variables from two sources at once",
        session(spec__bot__envFrom=[{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]),
        "spec.bot.envFrom[0]",
        "write exactly one of secretRef and configMapRef",
    )
    for name in ["A=B", "CAFÉ", "A\nB", "A\0B"]:
        yield Refusal(f"a variable named {name!r}", env({"name": name, "value": "x"}), f"{at}.name", _NAME)
    yield Refusal(
        "a prefix with a sign that no name has",
        session(spec__bot__envFrom=[{"prefix": "A=", "secretRef": {"name": "a"}}]),
        "spec.bot.envFrom[0].prefix",
        _NAME,
    )
    yield Refusal("a value with NUL", env({"name": "A", "value": "a\0b"}), f"{at}.value", r"should match '^[^\x00]*$'")
    for quantity in ["1Gb", "lots", "-1"]:
        yield Refusal(
            f"memory of {quantity!r}",
            session(spec__bot__resources__limits={"memory": quantity}),
            "spec.bot.resources.limits[memory]",
            _QUANTITY,
        )


def nul() -> Iterator[Refusal]:
    for image in [" a", "a ", "a\n", "a\0"]:
        sentence = "must have no white space around it, and no NUL character (U+0000)"
        yield Refusal(f"the image {image!r}", session(spec__bot__image=image), "spec.bot.image", sentence)
    for field, path, value in [
        ("target", "target", "a\0.py"),
        ("python", "python", "python\0"),
    ]:
        yield Refusal(f"a {field} with NUL", session(**{f"spec__bot__{field}": value}), f"spec.bot.{path}", _NO_NUL)
    command = session(spec__bot={"image": "a", "command": ["python", "a\0b"]})
    yield Refusal("a command with NUL", command, "spec.bot.command[1]", _NO_NUL)
