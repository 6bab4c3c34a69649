"""What stands in a fenced block of a page works: manifests are admitted, commands are understood, code compiles."""

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.docs import documents, programs, python
from tests.docs.blocks import BLOCKS, ROOT, blocks_in, blocks_of, mentioned, pages, unfenced
from tests.docs.shell import Command, Wrong, commands
from tests.offenders import assert_none, failures

DATA: dict[str, Callable[[str], object]] = {"json": json.loads, "toml": tomllib.loads}
#: Nothing is to be copied out of the last three: diagrams, output, drawings.
CHECKED = {"sh", "console", "yaml", "python", "promql", *DATA, "mermaid", "text", ""}
#: Programs are asked about commands, which takes a while: each page is a test of its own.
WITH_COMMANDS = [page for page in pages() if mentioned(page) or any(block.commands for block in blocks_of(page))]


def test_there_are_blocks_of_each_kind_to_check() -> None:
    assert len(BLOCKS) > 150
    assert {block.language for block in BLOCKS} >= {"sh", "yaml", "python", "promql", "json"}


def test_somebody_checks_each_language() -> None:
    assert_none(f"{block}: {block.language}" for block in BLOCKS if block.language not in CHECKED)


def test_code_is_fenced_and_so_looked_at() -> None:
    assert_none(f"{name(page)}: {code}" for page in pages() for code in unfenced(page.read_text("utf-8")))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_code_that_is_only_indented_is_found() -> None:
    assert unfenced("* an item\n\n    of two paragraphs\n\nA word:\n\n    make demo\n") == ["    make demo\n"]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_commands_are_understood_by_their_programs(page: Path, tools: None) -> None:
    blocks = [block for block in blocks_of(page) if block.commands]
    in_blocks = failures(blocks, lambda block: programs.check_script(block.commands))
    assert_none([*in_blocks, *failures(mentioned(page), programs.check_mention)])


def test_manifests_and_values_are_acceptable() -> None:
    assert_none(failures(blocks_in("yaml"), lambda block: documents.check(block.text)))


def test_data_is_whole() -> None:
    assert_none(failures(blocks_in(*DATA), lambda block: DATA[block.language](block.text)))


def test_python_compiles_and_imports_what_there_is() -> None:
    assert_none(failures(blocks_in("python"), lambda block: python.check(block.text)))


def test_prometheus_understands_each_query(tools: None, tmp_path: Path) -> None:
    queries = [block.text for block in blocks_in("promql")]
    check = promtool(tmp_path, *queries)
    assert check.returncode == 0, check.stderr
    assert f"{len(queries)} rules found" in check.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("kubectl get bs --all-namespace", id="an option that kubectl does not have"),
        pytest.param("kubectl gett bs", id="a verb that kubectl does not have"),
        pytest.param("kubectl rollout statuss deployment/x", id="a command below a verb that kubectl does not have"),
        pytest.param("kubectl get bss", id="a kind that no cluster has"),
        pytest.param("kubectl get bs x -o jsonpath='{.status.end.reason}'", id="a field that a session has not"),
        pytest.param("""kubectl patch bs x --type=merge -p '{"spec":{"end":"Now"}}'""", id="a patch to be refused"),
        pytest.param("kubectl apply -f - <<EOF\nkind: BotSession\nEOF", id="a manifest to be refused, typed in"),
        pytest.param("kubectl apply -f examples/parrot/sesion.yaml", id="a file that is not there"),
        pytest.param("name=$(kubectl get bs --nam x)", id="an unknown option inside a substitution"),
        pytest.param("helm install x charts/botsession-operator --nam x", id="an option that helm does not have"),
        pytest.param("helm install x charts/botsession-operator --set worker=2", id="a value that the chart has not"),
        pytest.param("helm upgrad x charts/botsession-operator", id="a command that helm does not have"),
        pytest.param("kind create clusters", id="a command that kind does not have"),
        pytest.param("botsession run x.yaml --call 'a'", id="an option that botsession does not have"),
        pytest.param("botsession walk x.yaml", id="a command that botsession does not have"),
        pytest.param("botsession run", id="a file that botsession needs"),
        pytest.param("make demmo", id="a target that the Makefile does not have"),
        pytest.param("python -m tests.benches", id="a module that is not there"),
        pytest.param("python boot.py", id="a program that no example has"),
        pytest.param("hack/clusters up", id="a script that is not there"),
        pytest.param("frobnicate x", id="a program that nobody knows"),
        pytest.param("echo 'x", id="what no shell takes"),
    ],
)
def test_wrong_command_is_refused(wrong: str, tools: None) -> None:
    with pytest.raises(Wrong):
        programs.check_script(wrong)


@pytest.mark.parametrize("wrong", ["botsession walk", "kubectl get bs --field", "helm uninstall --now"])
def test_wrong_mention_is_refused(wrong: str, tools: None) -> None:
    with pytest.raises(Wrong):
        programs.check_mention(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("kind: BotSession\nspec: {}", id="a session without a bot"),
        pytest.param("shutdown: {gracePerod: 1s}", id="a part of a spec with a misspelt field"),
        pytest.param("worker: 3", id="a value that the chart has not"),
        pytest.param("workers: many", id="a value of the wrong type"),
        pytest.param("{apiVersion: v1, kind: Pod, spec: {container: []}}", id="a pod with a misspelt field"),
        pytest.param(
            "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{img: a}]}}}}",
            id="a misspelt field deep in a Deployment",
        ),
        pytest.param("{apiVersion: apps/v2, kind: Deployment}", id="a version that Kubernetes does not have"),
        pytest.param("{apiVersion: x/v1, kind: Thing}", id="a kind that nobody can check"),
        pytest.param("a: [", id="what is not YAML"),
        pytest.param("# nothing", id="nothing"),
    ],
)
def test_wrong_manifest_is_refused(wrong: str) -> None:
    with pytest.raises(Wrong):
        documents.check(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("def f(:", id="what is no Python"),
        pytest.param("import pipecat.frame", id="a module that is not there"),
        pytest.param("from pipecat.frames.frames import EndedFrame", id="a name that the module has not"),
    ],
)
def test_wrong_python_is_refused(wrong: str) -> None:
    with pytest.raises(Wrong):
        python.check(wrong)


def test_wrong_query_is_refused(tools: None, tmp_path: Path) -> None:
    assert promtool(tmp_path, "sum by (x) rate(a[5m]").returncode


def test_what_is_written_into_a_command_is_seen() -> None:
    assert list(commands("X=1 cat - <<'EOF' # why\na: $x\nEOF\n")) == [Command(("cat", "-"), "a: $x\n")]


def test_quotes_and_pipes_are_taken_apart() -> None:
    found = [each.words for each in commands("""a --x='b c' "d$(e "f")" | g \\\n  h &""")]
    assert found == [("a", "--x=b c", 'd$(e "f")'), ("e", "f"), ("g", "h")]


def promtool(folder: Path, *queries: str) -> "subprocess.CompletedProcess[str]":
    """Have promtool read the queries, as rules."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = folder / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "pages", "rules": rules}]}))
    command: list[str | Path] = [ROOT / ".tools/bin/promtool", "check", "rules", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)
