"""The plan of the house, held: who may import whom, what stays out, how long a file may be."""

import ast
import os
import re
import runpy
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
from conftest import ROOT

import fastvec
from fastvec import _backend, _variants

SOURCE = ROOT / "fastvec"
PYTHON = sorted(SOURCE.rglob("*.py"))
CORE = sorted(p for p in (SOURCE / "_core").iterdir() if p.suffix in {".pyx", ".pxd", ".pxi", ".h"})
CYTHON = [p for p in CORE if p.suffix != ".h"]

# What may be imported from where: names of modules, and of packages for all that is in them; a module imports from
# rows below its own, or from the left of its own row. Those above the first row are open to all.
OPEN = ["_version", "errors", "config", "_variants", "_atomic", "_memory"]
LAYERS = [
    ["__main__"],
    ["cli"],
    ["cli_train"],
    ["demo"],
    ["phrase_text", "opening"],
    ["facebook"],
    ["fasttext"],
    ["word2vec", "phrases"],
    ["callbacks"],
    ["phrase_splits", "phrase_store"],
    ["phrase_counts", "phrase_joining", "phrase_scores"],
    ["prediction"],
    ["model"],
    ["modelattrs"],
    ["modelfile", "recount", "progress"],
    ["gensimfile"],
    ["train"],
    ["averaging"],
    ["fasttext_vectors", "sklearn"],
    ["keyedvectors"],
    ["evaluation"],
    ["measures", "batches", "smaller"],
    ["sentences"],
    ["comparisons"],
    ["edits", "approximate"],
    ["sharing"],
    ["vecattrs"],
    ["lookup"],
    ["formats", "store", "search", "indexfile"],
    ["quantised"],
    ["corpus"],
    ["vocab", "subwords"],
    ["text"],
    ["words", "_compressed", "tensors"],
    ["_backend"],
]
LEVEL = {name: level for level, names in enumerate(reversed(LAYERS)) for name in names}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Yield (full name of the module of fastvec, whether for type checkers only) for each import of `path`."""
    tree = ast.parse(path.read_text("utf-8"))
    modules = {module_name(p) for p in PYTHON}
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in full]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "fastvec":
                yield name, id(node) in guarded


def room(name):
    """The module or package right below fastvec."""
    return name.split(".")[1] if "." in name else "__init__"


def fastvec_imports(path):
    return {name for name, for_types in imports(path) if not for_types}


def test_there_is_something_to_check():
    assert len(PYTHON) > 20 and len(CYTHON) > 10
    assert {module_name(p) for p in PYTHON} >= {"fastvec", "fastvec._backend", "fastvec.formats.word2vec"}


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_imports_go_downwards(path):
    name = module_name(path)
    mine = room(name)
    found = {room(other) for other in fastvec_imports(path)} - set(OPEN) - {mine}
    if mine in OPEN or mine == "_core":
        assert not found, f"{name} imports {found}"
    elif mine == "reference":
        assert not found, "the twin knows the twin alone"
    elif mine == "__init__":
        assert not found, "public names are imported when they are used"
    else:
        assert mine in LEVEL, f"give {mine} its place in LAYERS"
        unknown = found - set(LEVEL)
        assert not unknown, f"{name} imports {unknown}; only _backend may know _core and reference"
        upwards = {other for other in found if LEVEL[other] >= LEVEL[mine]}
        # What a file holds tells which class KeyedVectors.load returns.
        allowed = {
            "formats": {"store", "search"},
            "keyedvectors": {"fasttext_vectors"},  # `load` returns what the file holds
            "word2vec": {"fasttext"},
        }.get(mine, set())
        assert not upwards - allowed, f"{name} imports {upwards}"


def test_queries_know_nothing_of_training():
    reached, todo = set(), {"fastvec.keyedvectors"}
    paths = {module_name(p): p for p in PYTHON}
    while todo:
        name = todo.pop()
        reached.add(name)
        todo |= (fastvec_imports(paths[name]) & set(paths)) - reached
    assert {room(name) for name in reached} & {"train", "word2vec", "corpus", "vocab", "text"} == set()
    assert "fastvec.words" in reached


def test_only_the_backend_names_core_and_reference():
    for path in PYTHON:
        if path.name != "_backend.py" and "reference" not in path.parts:
            code = ast.unparse(without_docstrings(ast.parse(path.read_text("utf-8"))))
            assert not re.search(r"fastvec\.(_core|reference)\b", code), path


def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return tree


@pytest.mark.parametrize("path", CYTHON, ids=lambda p: p.name)
def test_the_core_is_alone(path):
    text = path.read_text("utf-8")
    assert not re.search(r"cimport\s+numpy|from\s+numpy[\w.]*\s+cimport|numpy/\w+\.h", text)
    for match in re.finditer(r"^\s*(?:from|c?import)\s+(fastvec[\w.]*)", text, re.MULTILINE):
        assert match[1].startswith("fastvec._core"), f"{path.name} imports {match[1]}"


@pytest.mark.parametrize("path", PYTHON, ids=module_name)
def test_no_code_is_made_of_data(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not names & {
                "pickle",
                "marshal",
                "shelve",
                "socket",
                "urllib",
                "urllib.request",
                "http.client",
            }
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, ast.unparse(node)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"


@pytest.mark.parametrize("path", [*PYTHON, *CORE], ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_files_stay_short(path):
    assert len(path.read_text("utf-8").splitlines()) <= 500


def test_headers_are_portable():
    """C that MSVC compiles too: no header of POSIX, no word of GNU's outside a condition."""
    for path in CORE:
        text = path.read_text("utf-8")
        anywhere = re.sub(r"(?ms)^#if defined\(__linux__\)$.*?^#endif$", "", text)
        assert not re.search(r"#include\s*<(unistd|pthread|sys/|strings|dirent)", anywhere), path
        if re.search(r"__attribute__|__builtin_|__restrict__|vector_size\s*\(", text):
            assert re.search(r"#\s*if.*(__GNUC__|__clang__|_MSC_VER|__BYTE_ORDER__)", text), (
                f"{path}: unconditional"
            )


# ---- The table of variants and the build


@pytest.fixture(scope="module")
def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("module", _variants.PER_VARIANT)
def test_every_variant_has_a_shim_and_every_shim_a_variant(module):
    shims = {p.stem.removeprefix(f"_{module}_") for p in CYTHON if p.name.startswith(f"_{module}_")}
    assert shims == {v.name for v in _variants.VARIANTS}
    texts = {(SOURCE / "_core" / f"_{module}_{name}.pyx").read_text("utf-8") for name in shims}
    assert all(f'include "{module}.pxi"' in text for text in texts)


def test_flags_and_features_of_a_variant_agree():
    for variant in _variants.VARIANTS:
        if variant.name != "neon":  # a baseline: no flags
            flags = {flag.removeprefix("-m") for flag in variant.unix_flags}
            assert flags == variant.features
        assert not any(flag.startswith(("-march", "-ffast-math", "-Ofast")) for flag in variant.unix_flags)


@pytest.mark.parametrize(
    "machine, names",
    [
        ("x86_64", ["base", "avx2", "avx512"]),
        ("AMD64", ["base", "avx2", "avx512"]),
        ("arm64", ["neon"]),
        ("aarch64", ["neon"]),
        ("riscv64", ["base"]),
    ],
)
def test_variants_of_machines(machine, names):
    assert [v.name for v in _variants.compiled_for(machine)] == names


class Extension(types.SimpleNamespace):
    """Stands in for setuptools' class: the tests do not need what builds the package."""

    def __init__(self, name, sources, **options):
        super().__init__(name=name, sources=sources, **options)


@pytest.fixture
def run_setup(monkeypatch):
    """Run setup.py with nothing compiled; the value gives what it defines and what it handed to setuptools."""
    built = {}
    base = types.SimpleNamespace(build_ext=object)
    monkeypatch.setitem(
        sys.modules, "setuptools", types.SimpleNamespace(Extension=Extension, setup=built.update)
    )
    monkeypatch.setitem(sys.modules, "setuptools.command.build_ext", base)
    monkeypatch.setitem(
        sys.modules, "Cython.Build", types.SimpleNamespace(cythonize=lambda these, **_: these)
    )
    monkeypatch.chdir(ROOT)
    return lambda: (types.SimpleNamespace(**runpy.run_path(str(ROOT / "setup.py"))), built)


@pytest.mark.parametrize("machine", ["x86_64", "arm64", "riscv64"])
def test_the_build_compiles_the_rows_of_the_table(monkeypatch, run_setup, machine):
    monkeypatch.setattr("platform.machine", lambda: machine)
    _, built = run_setup()
    names = {extension.name.removeprefix("fastvec._core.") for extension in built["ext_modules"]}
    for module in _variants.PER_VARIANT:
        compiled = {name.removeprefix(f"_{module}_") for name in names if name.startswith(f"_{module}_")}
        assert compiled == {v.name for v in _variants.compiled_for(machine)}
    assert names >= {f"_{module}" for module in _backend.MODULES if module not in _variants.PER_VARIANT} | {
        "_cpu"
    }


@pytest.mark.parametrize("free_threaded", [None, 0, 1])
def test_the_stable_abi_is_used_where_there_is_one(monkeypatch, run_setup, free_threaded):
    monkeypatch.setattr("sysconfig.get_config_var", {"Py_GIL_DISABLED": free_threaded}.get)
    _, built = run_setup()
    macros = [] if free_threaded else [("Py_LIMITED_API", "0x030B0000")]
    for extension in built["ext_modules"]:
        assert (extension.define_macros, extension.py_limited_api) == (macros, not free_threaded)
    tag = {} if free_threaded else {"bdist_wheel": {"py_limited_api": "cp311"}}
    assert built["options"] == tag


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_flags_are_for_the_machine_that_has_them(monkeypatch, run_setup, platform):
    """A universal binary of macOS is compiled for arm64 in the same call."""
    defined, _ = run_setup()
    monkeypatch.setattr(sys, "platform", platform)
    for variant in _variants.VARIANTS:
        flags = defined.unix_flags(variant)
        if platform == "darwin":
            assert flags[::2] == ["-Xarch_x86_64"] * len(variant.unix_flags)
            flags = flags[1::2]
        assert flags == list(variant.unix_flags)


def test_every_package_is_installed(settings):
    packages = {module_name(p) for p in PYTHON if p.name == "__init__.py"}
    assert set(settings["tool"]["setuptools"]["packages"]) == packages
    installed = Path(fastvec.__file__).parent
    assert (installed / "py.typed").exists() and (installed / "_core" / "words.pxd").exists()


# ---- The public face


def test_public_names():
    for name in fastvec.__all__:
        value = getattr(fastvec, name)
        if name not in ("__version__", "ENGLISH_CONNECTOR_WORDS"):  # no classes
            assert value.__name__ == {"Phraser": "FrozenPhrases"}.get(name, name) and value.__doc__
    assert set(dir(fastvec)) == set(fastvec.__all__)
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = fastvec.nonesuch


def test_type_checkers_see_the_public_names():
    guarded = {
        alias.name
        for node in ast.walk(ast.parse((SOURCE / "__init__.py").read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert guarded >= set(fastvec.__all__)


@pytest.mark.parametrize(
    "statement, absent",
    [
        (
            "import fastvec",
            ["numpy", "click", "tqdm", "fastvec._backend", "tempfile", "inspect", "importlib.metadata"],
        ),
        (
            "from fastvec import KeyedVectors",
            [
                "click",
                "tqdm",
                "fastvec.train",
                "fastvec.corpus",
                "fastvec.formats",
                "lzma",
                "bz2",
                "concurrent.futures",
            ],
        ),
        (
            "from fastvec import Word2Vec",
            ["click", "tqdm", "fastvec._core._train_base", "fastvec._core._train_avx2"],
        ),
        ("import fastvec.cli", ["tqdm", "numpy", "fastvec.train"]),
    ],
)
def test_importing_is_cheap(statement, absent):
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(fastvec.__file__).parent.parent)},
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fastvec" in done.stdout and not set(absent) & set(done.stdout.split())
