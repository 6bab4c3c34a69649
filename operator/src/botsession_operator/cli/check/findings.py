"""The findings of a check: each with its verdict, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rich.text import Text

from botsession_operator.cli.cli_error import Exit
from botsession_operator.cli.output import console


class Verdict(StrEnum):
    """The result of one check."""

    OK = "ok"  # it is as it should be
    WARN = "warn"  # it works, or could not be looked at
    FAIL = "fail"  # it does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report."""

    verdict: Verdict
    #: What was found, as a sentence.
    fact: str
    #: What to do about it.
    remedy: str = ""


STYLES: Final = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def show(findings: Iterable[Finding]) -> Exit:
    """Print findings as they come; return FAILED if one of them is a failure, and OK otherwise."""
    out, code = console(), Exit.OK
    for each in findings:
        line = Text.assemble((f"{each.verdict:<6}", STYLES[each.verdict]), each.fact)
        out.print(line, soft_wrap=True)
        if each.remedy:
            out.print(Text(f"      {each.remedy}", "dim"), soft_wrap=True)
        if each.verdict is Verdict.FAIL:
            code = Exit.FAILED
    return code
