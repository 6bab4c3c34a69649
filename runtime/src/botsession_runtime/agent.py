"""What Pipecat loads through PIPECAT_SETUP_FILES: the two functions that it calls, and how they find the hook.

The hook is the package in the folder beside this file. A bot's path need not lead there, and is not changed: the
package is loaded by its place, under a name of its own.
"""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

#: The name by which the launcher has imported the hook, and the one that it gets where there is no launcher.
IMPORTED_AS = "botsession_runtime.hook"
LOADED_AS = "_botsession_hook"


def load_hook() -> ModuleType:
    """Give the part of the hook that Pipecat calls."""
    if IMPORTED_AS in sys.modules:
        return importlib.import_module(f"{IMPORTED_AS}.session")
    if LOADED_AS not in sys.modules:
        _load_package(Path(__file__).resolve().with_name("hook"))
    return importlib.import_module(f"{LOADED_AS}.session")


def _load_package(folder: Path) -> None:
    spec = spec_from_file_location(LOADED_AS, folder / "__init__.py", submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} cannot be loaded")
    sys.modules[LOADED_AS] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[LOADED_AS])


_hook = load_hook()
setup_worker_runner = _hook.setup_worker_runner
setup_pipeline_worker = _hook.setup_pipeline_worker
