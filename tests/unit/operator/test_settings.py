"""The operator's configuration, and the sentences for whoever got it wrong."""

from datetime import timedelta
from pathlib import Path

import pytest

from botsession_operator.core.manifests.pod import Injection
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.core.shards import Shard
from botsession_operator.settings import SettingsError, WebhookSettings, check_signing, read_settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32 + b"\n")
    return {"BOTSESSION_CONTROL_KEY_FILE": str(key), "BOTSESSION_RUNTIME_IMAGE": "runtime:1"}


def test_the_least_that_must_be_set(environ: dict[str, str]) -> None:
    settings = read_settings(environ)

    assert (settings.control_keys.current, settings.runtime_image) == (b"k" * 32, "runtime:1")
    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 8475, 16)
    assert (settings.injection, settings.namespaces, settings.kubeconfig) == (None, (), None)


def test_earlier_keys_are_read_in_their_order(environ: dict[str, str], tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("newer", "older")]
    for file in files:
        file.write_text(f"{file.name}".ljust(32, "."))
    keys = read_settings(environ | {"BOTSESSION_PREVIOUS_CONTROL_KEY_FILES": ", ".join(map(str, files))}).control_keys

    assert keys.current == b"k" * 32
    assert [key[:5] for key in keys.previous] == [b"newer", b"older"]


def test_no_earlier_keys_is_what_there_is_first(environ: dict[str, str]) -> None:
    assert read_settings(environ | {"BOTSESSION_PREVIOUS_CONTROL_KEY_FILES": ""}).control_keys.previous == ()


def test_an_earlier_key_that_is_too_short_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short")
    with pytest.raises(SettingsError, match=r"PREVIOUS_CONTROL_KEY_FILES: .*/short must hold at least 32"):
        read_settings(environ | {"BOTSESSION_PREVIOUS_CONTROL_KEY_FILES": str(tmp_path / "short")})


def test_everything_can_be_set(environ: dict[str, str]) -> None:
    given = {
        "BOTSESSION_LISTEN": "[::]:9000",
        "BOTSESSION_WATCH_NAMESPACES": "a, b,",
        "BOTSESSION_INJECTION": "InitContainer",
        "BOTSESSION_POKE_BASE_URL": "http://operator:9000",
        "BOTSESSION_HEARTBEAT_ADDRESS": "operator:9001",
        "BOTSESSION_WORKERS": "2",
        "KUBECONFIG": "config",
        "HOSTNAME": "operator-0",
        "BOTSESSION_DEPLOYMENT": "system/operator",
        "BOTSESSION_FINALIZER_POLICY": "finalizer",
        "BOTSESSION_UNINSTALL_TIMEOUT_SECONDS": "600",
        "BOTSESSION_HOST_NETWORK_PORTS": "21000-21099",
        "BOTSESSION_LEASE": "system/lease",
        "BOTSESSION_POD_NAME": "operator-0",
        "BOTSESSION_SHARD": "1/3",
    }
    settings = read_settings(environ | given)

    assert (settings.host, settings.port, settings.namespaces) == ("::", 9000, ("a", "b"))
    assert (settings.injection, settings.workers) == (Injection.INIT_CONTAINER, 2)
    assert (settings.poke_base_url, settings.kubeconfig) == ("http://operator:9000", Path("config"))
    assert settings.heartbeat_address == "operator:9001"
    assert settings.identity == "operator-0"
    assert settings.finalizer_policy == "finalizer"
    assert settings.host_ports == range(21000, 21100)
    assert (settings.deployments, settings.uninstall_timeout) == ((("system", "operator"),), timedelta(minutes=10))
    assert (settings.lease, settings.pod_name) == (("system", "lease"), "operator-0")
    assert settings.shard == Shard(1, 3)


@pytest.mark.parametrize("address", ["operator", ":8476", "operator:", "operator:udp", "operator:0", "operator:65536"])
def test_an_address_for_heartbeats_has_a_host_and_a_port(environ: dict[str, str], address: str) -> None:
    with pytest.raises(SettingsError, match="BOTSESSION_HEARTBEAT_ADDRESS must be a host and a port"):
        read_settings(environ | {"BOTSESSION_HEARTBEAT_ADDRESS": address})


def test_without_an_address_there_are_no_heartbeats(environ: dict[str, str]) -> None:
    assert read_settings(environ).heartbeat_address is None


def test_an_operator_stands_alone_by_default(environ: dict[str, str]) -> None:
    settings = read_settings(environ)
    assert (settings.lease, settings.shard) == (None, Shard())


@pytest.mark.parametrize("shard", ["", "1", "2/2", "0/0", "-1/2", "a/b", "0/1/2"])
def test_a_shard_is_one_of_so_many(environ: dict[str, str], shard: str) -> None:
    with pytest.raises(SettingsError, match="BOTSESSION_SHARD must be an index from 0 and the number of shards"):
        read_settings(environ | {"BOTSESSION_LEASE": "system/lease", "BOTSESSION_SHARD": shard})


def test_shards_see_each_other_by_their_leases(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="BOTSESSION_SHARD needs BOTSESSION_LEASE"):
        read_settings(environ | {"BOTSESSION_SHARD": "0/2"})


@pytest.mark.parametrize("ports", ["20000", "20000-", "29999-20000", "80-90", "20000-70000", "a-b", "1-2-3"])
def test_ports_of_nodes_are_a_range(environ: dict[str, str], ports: str) -> None:
    with pytest.raises(SettingsError, match="BOTSESSION_HOST_NETWORK_PORTS must be the first and the last"):
        read_settings(environ | {"BOTSESSION_HOST_NETWORK_PORTS": ports})


def test_how_sessions_are_reached_can_be_set(environ: dict[str, str]) -> None:
    route = '{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": [{"host": "${name}.a"}]}}'
    url = "${scheme}s://bots.example.com/${namespace}/${name}${path}"
    exposure = read_settings(environ | {"BOTSESSION_EXPOSE_URL": url, "BOTSESSION_EXPOSE_ROUTE": route}).exposure

    assert exposure.url == url
    assert exposure.route
    assert exposure.route["spec"] == {"rules": [{"host": "${name}.a"}]}


def test_sessions_are_reached_inside_the_cluster_unless_said_otherwise(environ: dict[str, str]) -> None:
    assert read_settings(environ | {"BOTSESSION_EXPOSE_URL": ""}).exposure == Exposure()


@pytest.fixture
def listened(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return an environment with a webhook."""
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "A" * 32)
    where = {"BOTSESSION_WEBHOOK_URL": "https://example.com/hook", "BOTSESSION_WEBHOOK_SECRET_FILE": str(secret)}
    return environ | where


def test_nobody_hears_of_sessions_by_default(environ: dict[str, str]) -> None:
    assert read_settings(environ).webhook is None


def test_a_webhook_gets_all_events_by_default(listened: dict[str, str]) -> None:
    settings = read_settings(listened)

    secret = Path(listened["BOTSESSION_WEBHOOK_SECRET_FILE"])
    expected = WebhookSettings("https://example.com/hook", secret, frozenset(EventType), "botsession-operator")
    assert (settings.webhook, settings.timeouts.webhook_patience) == (expected, timedelta(hours=1))


def test_a_webhook_may_be_narrowed(listened: dict[str, str]) -> None:
    narrow = {"EVENTS": "finished", "SOURCE": "//prod-eu", "PATIENCE_SECONDS": "60"}
    settings = read_settings(listened | {f"BOTSESSION_WEBHOOK_{name}": value for name, value in narrow.items()})

    assert settings.webhook
    assert (settings.webhook.events, settings.webhook.source) == (frozenset({EventType.FINISHED}), "//prod-eu")
    assert settings.timeouts.webhook_patience == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("URL", "example.com/hook", "BOTSESSION_WEBHOOK_URL must be a URL, for example https://"),
        ("URL", "ftp://example.com", "BOTSESSION_WEBHOOK_URL must be a URL"),
        ("SECRET_FILE", "", "BOTSESSION_WEBHOOK_SECRET_FILE must be set; the Helm chart does"),
        ("EVENTS", "ended", "BOTSESSION_WEBHOOK_EVENTS may have started and finished: 'ended'"),
        ("EVENTS", " ,", "BOTSESSION_WEBHOOK_EVENTS must name an event"),
        ("PATIENCE_SECONDS", "1h", "must be a whole number of seconds, at least 1"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_told(listened: dict[str, str], name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(listened | {f"BOTSESSION_WEBHOOK_{name}": value})

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("/nowhere/secret", "/nowhere/secret cannot be read: No such file"),
        ("/dev/null", "/dev/null must hold whsec_ and the base64 of 24 to 64 random bytes"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_at_once(listened: dict[str, str], file: str, sentence: str) -> None:
    settings = read_settings(listened | {"BOTSESSION_WEBHOOK_SECRET_FILE": file})
    with pytest.raises(SettingsError, match=sentence):
        check_signing(settings)


def test_a_secret_that_can_be_used_is_fine(listened: dict[str, str], environ: dict[str, str]) -> None:
    check_signing(read_settings(listened))
    check_signing(read_settings(environ))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BOTSESSION_EXPOSE_URL", "ws://${nam}", "${nam} is not known; known are name, namespace, service, port"),
        ("BOTSESSION_EXPOSE_ROUTE", "kind: Ingress", "BOTSESSION_EXPOSE_ROUTE is not JSON"),
        ("BOTSESSION_EXPOSE_ROUTE", '{"kind": "Pod"}', "must be a manifest of kind Ingress or HTTPRoute"),
        ("BOTSESSION_RUNTIME_IMAGE", "", "BOTSESSION_RUNTIME_IMAGE must be set; the Helm chart does"),
        ("BOTSESSION_CONTROL_KEY_FILE", "", "BOTSESSION_CONTROL_KEY_FILE must be set"),
        ("BOTSESSION_CONTROL_KEY_FILE", "/nowhere/key", "/nowhere/key cannot be read: No such file"),
        ("BOTSESSION_CONTROL_KEY_FILE", "/dev/null", "/dev/null must hold at least 32 bytes"),
        ("BOTSESSION_LISTEN", "here", "BOTSESSION_LISTEN must be an address and a port, for example 0.0.0.0:8475"),
        ("BOTSESSION_LISTEN", "0.0.0.0:70000", "BOTSESSION_LISTEN must be an address and a port"),
        ("BOTSESSION_LISTEN", "0.0.0.0:²", "BOTSESSION_LISTEN must be an address and a port"),
        ("BOTSESSION_INJECTION", "Magic", "must be Auto, ImageVolume or InitContainer, not 'Magic'"),
        ("BOTSESSION_WORKERS", "0", "BOTSESSION_WORKERS must be a whole number, at least 1"),
        ("BOTSESSION_WORKERS", "many", "BOTSESSION_WORKERS must be a whole number, at least 1"),
        ("BOTSESSION_WORKERS", "²", "BOTSESSION_WORKERS must be a whole number, at least 1"),
        ("BOTSESSION_DEPLOYMENT", "operator", "BOTSESSION_DEPLOYMENT must be a namespace and a name"),
        ("BOTSESSION_LEASE", "operator", "BOTSESSION_LEASE must be a namespace and a name"),
        ("BOTSESSION_UNINSTALL_TIMEOUT_SECONDS", "4m", "must be a whole number of seconds, at least 1"),
        ("BOTSESSION_LOG_FORMAT", "xml", "BOTSESSION_LOG_FORMAT must be one of json, console, not 'xml'"),
        ("BOTSESSION_LOG_LEVEL", "loud", "BOTSESSION_LOG_LEVEL must be one of info, debug, warning, error, not 'loud'"),
    ],
)
def test_what_makes_no_sense_is_told(environ: dict[str, str], name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ | {name: value})

    assert sentence in str(caught.value)
