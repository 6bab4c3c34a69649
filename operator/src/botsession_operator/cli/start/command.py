"""`botsession start`: create a session, from options or from a file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botsession_operator.cli import options
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.options import Output
from botsession_operator.cli.output import say
from botsession_operator.cli.printing import show_objects
from botsession_operator.cli.render.columns import Layout
from botsession_operator.cli.render.session_view import read
from botsession_operator.cli.render.why import why
from botsession_operator.cli.start import flags
from botsession_operator.cli.start.flags import DryRun
from botsession_operator.cli.start.manifest_builder import StartOptions, build_manifest, pairs
from botsession_operator.cli.start.transport_options import TransportOptions
from botsession_operator.cli.wait import has_started, is_over, until

Json = dict[str, Any]


def start(
    name: flags.Name = None,
    *,
    file: flags.File = None,
    image: flags.Image = None,
    target: flags.Target = None,
    command: flags.Command = None,
    body: flags.Body = None,
    transport: flags.Transport = None,
    room_url: flags.RoomUrl = None,
    url: flags.Url = None,
    room_name: flags.RoomName = None,
    application_id: flags.ApplicationId = None,
    vonage_session_id: flags.VonageSessionId = None,
    token_secret: flags.TokenSecret = None,
    provider: flags.Provider = None,
    ice_server: flags.IceServer = None,
    expose: flags.Expose = False,
    port: flags.Port = None,
    protocol: flags.Protocol = None,
    path: flags.ServerPath = None,
    env: flags.Env = None,
    env_from_secret: flags.EnvFromSecret = None,
    max_duration: flags.MaxDuration = None,
    idle_timeout: flags.IdleTimeout = None,
    farewell: flags.Farewell = None,
    python: flags.Python = None,
    label: flags.Labels = None,
    wait: flags.Wait = False,
    dry_run: flags.Dry = None,
    output: options.Form = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Start a session, from options or from a manifest.

    For example: `botsession start --image my-bot:1 --target bot.py --max-duration 15m`.

    With --wait, the exit code is 1 if the pipeline never starts, and the reason is printed. `--dry-run client -o yaml`
    prints the manifest that the options stand for.
    """
    transport_options = TransportOptions(
        transport=transport,
        room_url=room_url,
        url=url,
        room_name=room_name,
        application_id=application_id,
        vonage_session_id=vonage_session_id,
        token_secret=token_secret,
        provider=provider,
        ice_server=tuple(ice_server or ()),
        expose=expose,
        port=port,
        protocol=protocol,
        path=path,
    )
    start_options = StartOptions(
        image=image,
        target=target,
        command=command,
        body=body,
        env=tuple(env or ()),
        env_from_secret=tuple(env_from_secret or ()),
        max_duration=max_duration,
        idle_timeout=idle_timeout,
        farewell=farewell,
        python=python,
        transport_options=transport_options,
    )
    manifest = _labelled(
        _from_file(file, name, start_options) if file else build_manifest(name, start_options), tuple(label or ())
    )
    if dry_run is DryRun.CLIENT:
        _check(manifest, namespace, output)
        return
    cluster = ClusterClient(Where(kubeconfig, context, namespace or manifest["metadata"].get("namespace")))
    _check_namespace(manifest, cluster.namespace)
    session = cluster.create(manifest, is_dry=dry_run is DryRun.SERVER)
    if dry_run:
        _show(session, output, "would be started (checked on the server)")
        return
    session = _started(cluster, session) if wait else session
    _show(session, output, _progress(session) if wait else "is started")


def _from_file(file: Path, name: str | None, start_options: StartOptions) -> Json:
    from botsession_operator.api.admission import check_head
    from botsession_operator.api.spec import SpecError
    from botsession_operator.cli.manifests import read_manifest

    if extra := start_options.given_flags():
        raise CliError(
            Exit.REFUSED, f"-f cannot be combined with {', '.join(extra)}; write these values into the manifest"
        )
    manifest = read_manifest(file)
    metadata = manifest["metadata"] = manifest.get("metadata") or {}
    if name and isinstance(metadata, dict):
        metadata["name"] = name
        metadata.pop("generateName", None)
    try:
        check_head(manifest)
    except SpecError as exc:
        raise CliError(Exit.REFUSED, str(exc)) from exc
    return manifest


def _labelled(manifest: Json, given: tuple[str, ...]) -> Json:
    if labels := pairs(given, "--label"):
        manifest["metadata"]["labels"] = {**(manifest["metadata"].get("labels") or {}), **labels}
    return manifest


def _check_namespace(manifest: Json, namespace: str) -> None:
    """Raise CliError where the manifest has another namespace than the option, as kubectl does."""
    own = manifest["metadata"]["namespace"] = manifest["metadata"].get("namespace") or namespace
    if own != namespace:
        raise CliError(Exit.REFUSED, f"the manifest has the namespace {own}, but --namespace is {namespace}")


def _check(manifest: Json, namespace: str | None, form: Output | None) -> None:
    """Check a manifest locally, and print it without the server's defaults."""
    from botsession_operator.cli.manifests import admitted

    if namespace:
        _check_namespace(manifest, namespace)
    session = admitted(manifest, "default")
    is_whole = form in (Output.JSON, Output.YAML)
    _show(manifest if is_whole else session, form, "would be started (checked here, not on the server)")


def _started(cluster: ClusterClient, session: Json) -> Json:
    session = until(cluster, session, has_started)
    if is_over(session) and "startedAt" not in session["status"]:
        raise CliError(Exit.FAILED, why(read(session), datetime.now(UTC)))
    return session


def _progress(session: Json) -> str:
    """Return how far a session has come whose start was waited for."""
    status = session["status"]
    if "startedAt" in status:
        return "runs"
    return f"waits for its caller at {status['url']}" if "url" in status else "waits for its caller"


def _show(session: Json, form: Output | None, what: str) -> None:
    if form:
        show_objects([session], form, Layout(is_wide=form is Output.WIDE), is_list=False)
        return
    say(f"{session['metadata']['name']} {what}.")
