"""Chooses what computes: the compiled kernels for the best ISA of this machine, or the reference twin.

The only module that imports `_core` or `reference`. ``FASTVEC_BACKEND=base|neon|avx2|avx512|reference`` forces a
choice, and fails where it cannot be had. Names of this module:

- `name`: the backend in use; `available()`: those that this machine can run.
- those of `MODULES`: the modules that compute, imported when first used; a compiled one and its
  twin have the same functions.
"""

import importlib
import importlib.util
import os
import platform
import warnings
from pathlib import Path
from types import ModuleType

from fastvec._variants import PER_VARIANT, compiled_for

REFERENCE = "reference"
MODULES = (
    "words", "gather", "vocab", "huffman", "encode", "subword", "phrases", "joiner", "records", "lines", "train",
    "topk",
)  # fmt: skip


def _compiled() -> tuple[str, ...]:
    """Names of the compiled variants that are there and that this machine can run, slowest first."""
    try:
        cpu = importlib.import_module("fastvec._core._cpu")
    except ImportError:
        return ()
    found = cpu.features()
    runnable = [v.name for v in compiled_for(platform.machine()) if v.features <= found]
    return tuple(name for name in runnable if all(_is_there(f"_{module}_{name}") for module in PER_VARIANT))


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(f"fastvec._core.{module}") is not None


def available() -> tuple[str, ...]:
    """Return the names of the backends that can run here: the reference twin, then the compiled ones, slowest first."""
    return (REFERENCE, *_compiled())


def load(backend: str, module: str) -> ModuleType:
    """Import `module` (one of `MODULES`) of `backend`.

    Raises
    ------
    ImportError
        Where this machine cannot run it, or it was not compiled.
    """
    if backend not in available():
        raise ImportError(f"backend {backend!r} cannot run here; available: {', '.join(available())}")
    if backend == REFERENCE:
        return importlib.import_module(f"fastvec.reference.{module}")
    suffix = f"_{backend}" if module in PER_VARIANT else ""
    return importlib.import_module(f"fastvec._core._{module}{suffix}")


def _choose() -> str:
    forced = os.environ.get("FASTVEC_BACKEND")
    if forced:
        if forced not in available():
            raise ImportError(
                f"FASTVEC_BACKEND={forced} cannot run here; choose one of {', '.join(available())} or unset it"
            )
        return forced
    if not _compiled():
        warnings.warn(
            f"fastvec's compiled kernels are missing in {Path(__file__).parent}; the reference twin takes over, "
            "about a hundred times slower. If this is a source tree, leave it to use the installed package, or build "
            "it in place: python -m pip install -e .",
            RuntimeWarning,
            stacklevel=2,
        )
    return available()[-1]


name = _choose()


def __getattr__(module: str) -> ModuleType:
    """Import a module of the chosen backend when it is first asked for."""
    if module not in MODULES:
        raise AttributeError(module)
    globals()[module] = loaded = load(name, module)
    return loaded
