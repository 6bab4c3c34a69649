"""Keeps requests of Schemathesis from ending the session that they are tried on: it has hours to end gracefully."""

from typing import Any

import schemathesis

PERIODS = ("gracePeriodSeconds", "cancelPeriodSeconds")
HOURS = 3600


def _is_period(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < HOURS


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    if isinstance(case.body, dict):
        longer = {name: case.body[name] + HOURS for name in PERIODS if _is_period(case.body.get(name))}
        case.body = {**case.body, **longer}
