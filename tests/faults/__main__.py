"""Play the fault table on the test cluster: `python -m tests.faults [--install] [--only PATTERN] [--keep]`.

`--install` first installs the chart with the images of this checkout, as the e2e tests do.
`--keep` writes tests/faults/results.json, from which `make generate` makes docs/operations/faults.md.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Final

from kubernetes import config

from tests.e2e.release import install_operator
from tests.e2e.world import ROOT
from tests.faults import subject, table
from tests.faults.window import Row, as_json, play, windows

RESULTS: Final = Path(__file__).with_name("results.json")


def main() -> None:
    """Play, print a row for each cell, and fail if one of them is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="a regular expression for CAUSE-MOMENT")
    parser.add_argument("--keep", action="store_true", help="write the results down")
    parser.add_argument("--install", action="store_true", help="install the operator first")
    options = parser.parse_args()
    os.environ.setdefault("KUBECONFIG", str(ROOT / ".tools/kubeconfig"))
    config.load_kube_config(os.environ["KUBECONFIG"])
    if options.install:
        install_operator()
        subject.load()
    chosen = [cell for cell in table.cells() if re.search(options.only, cell.name)]
    began, rows = time.monotonic(), []
    with subject.subject() as proxy:
        for window in windows(chosen):
            rows += play(window, proxy, say)
            if options.keep:
                keep(rows)
    wrong = [row for row in rows if row.wrong]
    print(f"{len(rows)} cells in {time.monotonic() - began:.0f} s, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


def say(row: Row) -> None:
    """Print one row."""
    finished = "before" if row.finished is None else f"{row.finished:.1f} s"
    clean = "never" if row.clean is None else f"{row.clean:.1f} s"
    notes = [
        *row.wrong,
        *(["missed its moment"] if row.missed else []),
        *(["operator restarted"] if row.operator_restarted else []),
    ]
    cells = f"{row.cause:22} {row.moment:18} {row.ending:26} {row.reported_by:9} {finished:>8} {clean:>8}"
    print(f"{cells}  {'; '.join(notes)}", flush=True)


def keep(rows: list[Row]) -> None:
    """Write results down, those of cells that were not played this time staying as they were."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    kept |= {f"{row.cause}-{row.moment}": as_json(row) for row in rows}
    known = [cell.name for cell in table.cells()]
    lines = [f"{json.dumps(name)}: {json.dumps(kept[name])}" for name in known if name in kept]
    RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
