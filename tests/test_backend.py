"""The choice of what computes."""

import itertools
import platform

import pytest

from fastvec import _backend, _variants

WHICH = "from fastvec import _backend; print(_backend.name, *_backend.available())"
TRAIN = """
import fastvec
model = fastvec.Word2Vec([["a", "b", "c"]] * 20, min_count=1, vector_size=4, workers=1)
print(fastvec._backend.name, fastvec._backend.train.__name__, len(model.wv.most_similar("a")))
"""
WITHOUT_COMPILED = "import sys; sys.modules['fastvec._core._cpu'] = None\n"


def unset(python, *arguments, **environment):
    return python(*arguments, **{"FASTVEC_BACKEND": "", **environment})


def test_the_reference_twin_comes_first_and_the_fastest_last():
    names = _backend.available()
    assert names[0] == "reference" and len(set(names)) == len(names)
    order = [v.name for v in _variants.VARIANTS]
    assert list(names[1:]) == [name for name in order if name in names]


def test_the_compiled_kernels_are_there():
    """The tests are worth little where they test the twin alone."""
    assert {"base", "neon"} & set(_backend.available()), "build the package: python -m pip install '.[test]'"


def test_the_fastest_is_chosen(python):
    name, *available = unset(python, "-c", WHICH).stdout.split()
    assert name == available[-1] and available == list(_backend.available())


@pytest.mark.parametrize("name", _backend.available())
def test_a_forced_backend_does_the_work(python, name):
    done = unset(python, "-W", "error", "-c", TRAIN, FASTVEC_BACKEND=name)
    module = "fastvec.reference.train" if name == "reference" else f"fastvec._core._train_{name}"
    assert done.stdout.split() == [name, module, "2"], done.stderr


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "base ", "neon", "../base"])
def test_a_backend_that_is_not_there_fails_and_names_those_that_are(python, name):
    if name in _backend.available():
        pytest.skip(f"this machine has {name}")
    for arguments in (["-c", WHICH], ["-c", "from fastvec import Word2Vec"]):
        done = unset(python, *arguments, FASTVEC_BACKEND=name)
        assert done.returncode != 0
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"ImportError: FASTVEC_BACKEND={name} ") and all(
            n in last for n in _backend.available()
        )


def test_the_command_line_says_so_in_one_line(python):
    done = unset(python, "-m", "fastvec", "info", FASTVEC_BACKEND="nonesuch")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "FASTVEC_BACKEND=nonesuch" in done.stderr


def test_the_twin_takes_over_with_a_warning(python):
    done = unset(python, "-c", WITHOUT_COMPILED + TRAIN)
    assert done.stdout.split() == ["reference", "fastvec.reference.train", "2"], done.stderr
    assert (
        "RuntimeWarning: fastvec's compiled kernels are missing" in done.stderr
        and "pip install" in done.stderr
    )
    forced = unset(python, "-W", "error", "-c", WITHOUT_COMPILED + TRAIN, FASTVEC_BACKEND="reference")
    assert forced.stdout.split()[0] == "reference", "who asks for it is not warned"
    assert unset(python, "-c", WITHOUT_COMPILED + TRAIN, FASTVEC_BACKEND="base").returncode != 0


@pytest.mark.parametrize("module", _backend.MODULES)
def test_twins_offer_what_the_compiled_modules_offer(module):
    twin = _backend.load("reference", module)
    for name in _backend.available()[1:]:
        compiled = _backend.load(name, module)
        public = {n for n in vars(compiled) if not n.startswith("_") and callable(getattr(compiled, n))}
        assert public and public <= set(vars(twin)), (name, public - set(vars(twin)))


def test_only_modules_of_the_backend_can_be_had():
    with pytest.raises(ImportError, match="nonesuch"):
        _backend.load("nonesuch", "train")
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = _backend.nonesuch


def test_a_variant_is_used_only_where_it_was_compiled(monkeypatch):
    """Under Rosetta, say, the machine is not the one that the package was built on."""
    there = _backend.available()
    find_spec = _backend.importlib.util.find_spec
    for gone, module in itertools.product(there[1:], _variants.PER_VARIANT):
        with monkeypatch.context() as patched:
            missing = f"fastvec._core._{module}_{gone}"
            patched.setattr(
                _backend.importlib.util, "find_spec", lambda n, m=missing: None if n == m else find_spec(n)
            )
            assert _backend.available() == tuple(n for n in there if n != gone)
    monkeypatch.delenv("FASTVEC_BACKEND", raising=False)
    monkeypatch.setattr(_backend.importlib.util, "find_spec", lambda name: None)
    assert _backend.available() == ("reference",)
    with pytest.warns(RuntimeWarning, match="missing"):
        assert _backend._choose() == "reference"


def test_a_variant_is_used_only_where_the_cpu_has_all_it_needs(monkeypatch):
    import fastvec._core._cpu as cpu

    class OldCpu:
        @staticmethod
        def features():
            return frozenset({"sse2", "avx2"})  # and no fma

    monkeypatch.setattr(_backend.importlib, "import_module", lambda name: OldCpu)
    monkeypatch.setattr(_backend.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert _backend.available() == ("reference", "base")
    x86 = {"sse2", "avx2", "fma", "f16c", "avx512f", "avx512dq", "avx512bw", "avx512vl", "prfchw"}
    assert cpu.features() <= x86 | {"avx512vnni", "neon"}
