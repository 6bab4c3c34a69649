"""`botsession list` and `botsession get`."""

from collections.abc import Iterator
from typing import Any

from botsession_operator.cli import options
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Expired, Where
from botsession_operator.cli.options import Output
from botsession_operator.cli.output import say
from botsession_operator.cli.printing import Table, name_of, show_objects
from botsession_operator.cli.render.columns import Layout
from botsession_operator.cli.retry_delay import RetryDelay

Json = dict[str, Any]


def list_sessions(
    *,
    namespace: options.Namespace = None,
    all_namespaces: options.Everywhere = False,
    selector: options.Selector = None,
    output: options.Form = None,
    watch: options.Watch = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """List sessions: their phase, why and how they ended."""
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    listed = cluster.sessions(everywhere=all_namespaces, selector=selector)
    layout = Layout(is_wide=output is Output.WIDE, has_namespaces=all_namespaces)
    found = [_typed(item, listed) for item in listed["items"]]
    if watch:
        follow(cluster, listed, found, _table(output, layout), everywhere=all_namespaces, selector=selector)
    if not found and output in (None, Output.WIDE):
        place = "any namespace" if all_namespaces else f"namespace {cluster.namespace}"
        say(f"No sessions in {place}.", err=True)
        return
    show_objects(found, output, layout, is_list=True)


def get(
    name: options.Names = None,
    *,
    namespace: options.Namespace = None,
    selector: options.Selector = None,
    output: options.Form = None,
    watch: options.Watch = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Show sessions by name, in a table or in full: -o yaml."""
    if not name:
        list_sessions(
            namespace=namespace,
            selector=selector,
            output=output,
            watch=watch,
            context=context,
            kubeconfig=kubeconfig,
        )
        return
    if selector:
        raise CliError(Exit.REFUSED, "use either names or a --selector")
    cluster = ClusterClient(Where(kubeconfig, context, namespace))
    layout = Layout(is_wide=output is Output.WIDE)
    if watch:
        if len(name) > 1:
            raise CliError(Exit.REFUSED, "--watch takes one name; use --selector to watch several sessions")
        session = cluster.session(name[0])
        follow(cluster, session, [session], _table(output, layout), name=name[0])
    show_objects([cluster.session(each) for each in name], output, layout, is_list=len(name) > 1)


def follow(cluster: ClusterClient, listed: Json, found: list[Json], table: Table | None, **about: Any) -> None:
    """Print each change until Ctrl-C."""
    show = table.show if table else _print_names
    show(found)
    for session, _ in changes(cluster, listed, **about):
        show([session])


def changes(cluster: ClusterClient, listed: Json, **about: Any) -> Iterator[tuple[Json, bool]]:
    """Yield each change after a list: the session, and whether it was deleted.

    A stream that has ended is continued, after a delay if it brought nothing. For a watch by name the list is that
    session, and its deletion is reported even if it happened between two streams.
    """
    version, last, delay = listed["metadata"]["resourceVersion"], listed, RetryDelay()
    while True:
        try:
            for kind, session in cluster.watch(version, **about):
                if session["metadata"]["resourceVersion"] != version:
                    delay.reset()
                version, last = session["metadata"]["resourceVersion"], session
                yield session, kind == "DELETED"
        except Expired:
            fresh = cluster.sessions(everywhere=about.get("everywhere", False), selector=about.get("selector"))
            version = fresh["metadata"]["resourceVersion"]
            found = [each for each in fresh["items"] if about.get("name") in (None, each["metadata"]["name"])]
            yield from ((each, False) for each in found)
            if about.get("name") and not found:
                yield last, True
        delay.wait()


def _table(output: Output | None, layout: Layout) -> Table | None:
    if output in (Output.JSON, Output.YAML):
        raise CliError(Exit.REFUSED, "--watch prints a table or names; leave out -o, or use -o wide or -o name")
    return None if output is Output.NAME else Table(layout)


def _print_names(sessions: list[Json]) -> None:
    for session in sessions:
        say(name_of(session))


def _typed(item: Json, listed: Json) -> Json:
    """Return an item with its apiVersion and kind, which a list of the API server has only once."""
    return {"apiVersion": listed["apiVersion"], "kind": listed["kind"].removesuffix("List"), **item}
