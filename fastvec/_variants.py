"""The one table of kernel variants: how each is compiled and which CPU features it needs.

`setup.py` compiles a row where its machine matches; `_backend` imports a row where the running CPU has its
features. A variant may use exactly the instruction sets that its features name, so that both sides agree.
"""

from typing import NamedTuple


class Variant(NamedTuple):
    """One compiled form of the modules of `PER_VARIANT`."""

    name: str
    machines: tuple[str, ...]
    """Values of ``platform.machine().lower()`` for which it is compiled; empty: all that no other row names."""
    unix_flags: tuple[str, ...]
    msvc_flags: tuple[str, ...]
    features: frozenset[str]
    """Names that ``_core._cpu.features()`` must report."""


PER_VARIANT = ("topk", "train")
"""Modules that are compiled once per variant: ``_core/_<module>_<variant>.pyx`` each."""

X86_64 = ("x86_64", "amd64")
ARM_64 = ("arm64", "aarch64")

# Slowest first: the last row that the machine can run is the default.
VARIANTS = (
    Variant("base", (), (), (), frozenset()),
    Variant("neon", ARM_64, (), (), frozenset({"neon"})),
    Variant(
        "avx2", X86_64, ("-mavx2", "-mfma", "-mf16c"), ("/arch:AVX2",), frozenset({"avx2", "fma", "f16c"})
    ),
    Variant(
        "avx512",
        X86_64,
        ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma", "-mf16c", "-mprfchw"),
        ("/arch:AVX512",),
        frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx2", "fma", "f16c", "prfchw"}),
    ),
)


def compiled_for(machine: str) -> tuple[Variant, ...]:
    """Return the rows that are compiled on `machine`; `base` gives way where another row is the baseline."""
    machine = machine.lower()
    rows = tuple(v for v in VARIANTS if machine in v.machines)
    return rows if machine in ARM_64 else (VARIANTS[0], *rows)
