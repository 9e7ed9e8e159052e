"""Builds the extension modules: one set for every machine, and those of PER_VARIANT once per CPU variant.

Everything else about the package stands in pyproject.toml. All modules use Python's stable ABI (3.11), so one
wheel serves every later Python; a free-threaded Python has no stable ABI, and is served by wheels of its own.
"""

import os
import platform
import runpy
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = Path("fastvec") / "_core"
VARIANTS = runpy.run_path(str(Path(__file__).parent / "fastvec" / "_variants.py"))
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")


def variant_names():
    """Return the variant of each module that is compiled once per variant on this machine."""
    rows = VARIANTS["compiled_for"](platform.machine())
    return {f"_{module}_{v.name}": v for module in VARIANTS["PER_VARIANT"] for v in rows}


def extension(name):
    depends = [str(p) for pattern in ("*.h", "*.pxi", "*.pxd") for p in sorted(CORE.glob(pattern))]
    return Extension(
        f"fastvec._core.{name}",
        [str(CORE / f"{name}.pyx")],
        include_dirs=[str(CORE)],
        depends=depends,
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE_ABI else [],
        py_limited_api=STABLE_ABI,
    )


def unix_flags(variant):
    """Return the flags of a variant; on macOS one call compiles for two machines, and but one of them takes them."""
    if sys.platform != "darwin":
        return list(variant.unix_flags)
    return [word for flag in variant.unix_flags for word in ("-Xarch_x86_64", flag)]


class BuildExt(build_ext):
    """Adds the flags of the compiler at hand, and a variant's own; compiles several modules at once."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None and os.name != "nt":  # MSVC's driver is set up anew by every module
            self.parallel = os.cpu_count()

    def build_extension(self, ext):
        msvc = self.compiler.compiler_type == "msvc"
        variant = variant_names().get(ext.name.rpartition(".")[2])
        ext.extra_compile_args = ["/O2"] if msvc else ["-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden"]
        if variant is not None:
            ext.extra_compile_args += variant.msvc_flags if msvc else unix_flags(variant)
        super().build_extension(ext)


families = tuple(f"_{module}_" for module in VARIANTS["PER_VARIANT"])
common = sorted(p.stem for p in CORE.glob("*.pyx") if not p.stem.startswith(families))

setup(
    ext_modules=cythonize(
        [
            extension(name)
            for name in [*common, *(v for v in variant_names() if (CORE / f"{v}.pyx").exists())]
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
    ),
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE_ABI else {},
)
