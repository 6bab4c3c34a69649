"""Run all benchmarks, one after the other: `python -m tests.bench [--install]`.

`--install` first installs the chart on the test cluster with the images of this checkout, as the e2e tests do.
"""

import os
import runpy
import sys
from typing import Final

from kubernetes import config

from tests.bench.figures import ROOT
from tests.e2e.release import install_operator

PROGRAMS: Final = ("supervision", "cold_start", "endings", "api_writes", "footprint", "cli")


def main() -> None:
    """Run them with their defaults."""
    if sys.argv[1:] == ["--install"]:
        install()
    elif sys.argv[1:]:
        sys.exit(
            f"usage: python -m tests.bench [--install]\n       python -m tests.bench.{{{','.join(PROGRAMS)}}} --help"
        )
    sys.argv[1:] = []
    for program in PROGRAMS:
        runpy.run_module(f"tests.bench.{program}", run_name="__main__")


def install() -> None:
    """Install the operator."""
    os.environ["KUBECONFIG"] = str(ROOT / ".tools/kubeconfig")
    config.load_kube_config(os.environ["KUBECONFIG"])
    install_operator()


if __name__ == "__main__":
    main()
