"""What Pipecat loads through PIPECAT_SETUP_FILES: the two functions that it calls, and how they find the hook.

The hook is the package in the folder beside this file. A bot's path need not lead there, and is not changed: the
package is loaded by its place, under a name of its own.

A bot that hands over a result may `import botsession_runtime`, and finds it where the image has none.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

#: The name by which the launcher has imported the hook, and the one that it gets where there is no launcher.
IMPORTED_AS = "botsession_runtime.hook"
LOADED_AS = "_botsession_hook"
#: What a bot may import; the second because the first needs it.
OFFERED = ("botsession_runtime", "botsession_contract")


class OwnPackages:
    """Finds our packages where nothing else does: it is asked last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        """Return where a package is; what is in it is then found by the package itself."""
        return _spec(name, self._folder / name) if name in OFFERED else None


def load_hook() -> ModuleType:
    """Return the part of the hook that Pipecat calls."""
    if IMPORTED_AS in sys.modules:
        return importlib.import_module(f"{IMPORTED_AS}.session")
    if LOADED_AS not in sys.modules:
        here = Path(__file__).resolve()
        sys.meta_path.append(OwnPackages(here.parents[1]))
        _load_package(here.with_name("hook"))
    return importlib.import_module(f"{LOADED_AS}.session")


def _load_package(folder: Path) -> None:
    spec = _spec(LOADED_AS, folder)
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} cannot be loaded")
    sys.modules[LOADED_AS] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[LOADED_AS])


def _spec(name: str, folder: Path) -> ModuleSpec | None:
    return spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])


_hook = load_hook()
setup_worker_runner = _hook.setup_worker_runner
setup_pipeline_worker = _hook.setup_pipeline_worker
