"""Pickles read as data: what Python would have loaded, as far as it is plain data; and nothing is ever run."""

import collections
import os
import pickle
import pickletools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastvec.errors import FormatError
from fastvec.formats import pickled
from fastvec.formats.pickled import PickledObject, parse

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Thing:
    """An object with attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class Child(dict):
    """A dict with attributes."""


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
)
keys = (
    st.text(st.characters(codec="utf-8"))
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.binary()
    | st.booleans()
)
trees = st.recursive(
    atoms,
    lambda some: (
        st.lists(some, max_size=4)
        | st.lists(some, max_size=4).map(tuple)
        | st.dictionaries(keys, some, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=20,
)


def same(a, b):
    """Equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(value=trees)
@settings(max_examples=60, deadline=None)
def test_plain_data_is_what_python_loads(protocol, value):
    assert same(parse(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", ">i4", "u8", "f2", "<f4", ">f8"])
def test_arrays(protocol, dtype):
    base = np.arange(24).reshape(2, 3, 4)
    for array in (
        base.astype(dtype),
        np.asfortranarray(base.astype(dtype)),
        base.astype(dtype)[:0],
        base.astype(dtype)[0, 0, 0],
    ):
        found = parse(pickle.dumps({"a": array, "again": [array]}, protocol))
        value = found["a"]
        if isinstance(array, np.generic):
            assert value == array.item() and type(value) is type(array.item())
            continue
        assert value.dtype == array.dtype and value.shape == array.shape and (value == array).all()
        assert found["again"][0] is value, "the memo has the array, not what it was made of"


def test_scalars_arrays_of_objects_and_the_collections():
    value = {
        "numbers": [np.float32(1.5), np.int64(-7), np.bool_(True), np.uint8(3)],
        "ragged": np.array([np.arange(2), np.arange(3)], dtype=object),
        "counter": collections.Counter("hello"),
        "ordered": collections.OrderedDict(a=1, b=2),
        "default": collections.defaultdict(int, {"x": 3}),
        "bytes": bytearray(b"abc"),
    }
    for protocol in PROTOCOLS:
        found = parse(pickle.dumps(value, protocol))
        assert found["numbers"] == [1.5, -7, True, 3] and type(found["numbers"][0]) is float
        assert [part.tolist() for part in found["ragged"]] == [[0, 1], [0, 1, 2]]
        assert found["counter"] == {"h": 1, "e": 1, "l": 2, "o": 1} and type(found["counter"]) is dict
        assert found["ordered"] == {"a": 1, "b": 2} and found["default"] == {"x": 3}
        assert found["bytes"] == b"abc"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_are_told_of(protocol):
    thing = Thing(a=1, b=[Thing(c="x")])
    child = Child(k=1)
    child.note = "n"
    found, kid, name = parse(pickle.dumps((thing, child, len), protocol))
    assert (found.module, found.name, found.attributes["a"]) == (__name__, "Thing", 1)
    assert found.attributes["b"][0].attributes == {"c": "x"}
    assert list(kid.items) == [("k", 1)] or kid.args
    assert isinstance(name, PickledObject) and name.name == "len" and name.args is None
    assert "of a pickle" in repr(found)


def test_strings_of_python_2_are_latin_1():
    assert parse(b"U\x03h\xe4x.") == "häx"
    assert parse(b"T\x03\x00\x00\x00h\xe4x.") == "häx"
    assert parse(b"S'h\\xe4\\n\\'\\\\\\101\\q'\n.") == "hä\n'\\A\\q"
    assert parse(b"VB\\u0117r\n.") == "Bėr"
    assert parse(b"I01\n.") is True and parse(b"I7\n.") == 7 and parse(b"L7L\n.") == 7
    state = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\n"
    state += b"tcnumpy\ndtype\n(S'f4'\nI0\nI1\n"
    assert parse(
        state + b"tR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."
    ).tolist() == [1, 2]


# ---- Nothing is run

RUNS = {
    "os.mkdir": b"cos\nmkdir\n(S'{0}'\ntR.",
    "os.system": b"cos\nsystem\n(S'touch {0}'\ntR.",
    "posix by INST": b"(S'touch {0}'\niposix\nsystem\n.",
    "by OBJ": b"(cos\nsystem\nS'touch {0}'\no.",
    "NEWOBJ": b"\x80\x02csubprocess\nPopen\n(]S'touch'\naS'{0}'\nat\x81.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93(S'touch {0}'\ntR.",
    "eval": b"c__builtin__\neval\n(S\"open('{0}', 'w')\"\ntR.",
    "a state": b"cos\nsystem\n)R(S'touch {0}'\ntb.",
    "a reconstructor": b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.",
    "getattr": b"c__builtin__\ngetattr\n(c__builtin__\n__import__\nS'__call__'\ntR.",
}


@pytest.mark.parametrize("kind", RUNS)
def test_nothing_is_run(kind, tmp_path):
    """Each of them would make a file; in a process of its own, where an import would show, too."""
    victim = tmp_path / "victim"
    path = tmp_path / "file"
    path.write_bytes(RUNS[kind].replace(b"{0}", os.fsencode(victim)))
    code = (
        "import sys\nfrom fastvec.formats import pickled, gensim\nbefore = set(sys.modules)\n"
        "events = []\nsys.addaudithook(lambda name, args: events.append(name))\n"
        "found = pickled.read(sys.argv[1])\n"
        "bad = {'os.system', 'subprocess.Popen', 'exec', 'compile', 'import', 'pickle.find_class', 'os.posix_spawn'}\n"
        "assert not bad & set(events), events\n"
        "print(found, set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<object ") and done.stdout.rstrip().endswith("set()")
    assert not victim.exists()


def test_the_test_of_running_would_see_it(tmp_path):
    victim = tmp_path / "victim"
    pickle.loads(RUNS["os.mkdir"].replace(b"{0}", os.fsencode(victim)))
    assert victim.exists()


# ---- Damage

SAMPLE = {
    "words": ["a", "ö", "日本"] * 2,
    "array": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.float64(2.5),
    "set": {1, 2},
    "thing": Thing(x=(1, 2, 3, 4), y=None),
    "big": 1 << 100,
    "counts": collections.Counter("abca"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_an_error(protocol):
    data = pickle.dumps(SAMPLE, protocol)
    for n in range(len(data)):
        with pytest.raises(FormatError, match=r"f: byte \d+: "):
            parse(data[:n], "f")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_changed_bytes_give_data_or_an_error(protocol, draw):
    data = bytearray(pickle.dumps(SAMPLE, protocol))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        parse(bytes(data), "f")
    except FormatError as error:
        assert str(error).startswith("f: byte ")


@given(
    st.lists(
        st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes]) | st.binary(max_size=6)
    )
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_data_or_an_error(pieces):
    try:
        parse(b"".join(pieces))
    except FormatError as error:
        assert str(error).startswith("pickle: byte ")


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "an instruction"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\xff", "no instruction"),
        (b".", "empty list"),
        (b"(.", "empty list"),
        (b"t.", "empty list"),
        (b"N\x86.", "a tuple of 2"),
        (b"h\x05.", "not kept"),
        (b"]p-1\n.", "impossible place"),
        (b"Pname\n.", "outside of the pickle"),
        (b"\x82\x01.", "register"),
        (b"\x97.", "a buffer"),
        (b"B\xff\xff\xff\x7fabc.", "2147483647 bytes"),
        (b"\x8e" + b"\xff" * 8 + b".", "bytes should stand"),
        (b"\x80\x04\x95" + b"\xff" * 7 + b"\x00.", "frame"),
        (b"X\x01\x00\x00\x00\xff.", "decode"),
        (b"I" + b"9" * 5000 + b"\n.", "5000 digits"),
        (b"Iseven\n.", "invalid literal"),
        (b"Sno quotes\n.", "without quotes"),
        (b"}]Ns.", "a key of type list"),
        (b"}" + b"\x8b\x10\x00\x00\x00" + b"\x01" * 16 + b"Ns.", "a key of type int"),
        (b"}(NNNu.", "without a value"),
        (b"NNa.", "appended to an object of type NoneType"),
        (b"N(NNu.", "set in an object"),
        (b"](N\x90.", "no set"),
        (b"N)R.", "no name"),
        (b"cos\nsystem\n]R.", "without a tuple"),
        (b"cos\nsystem\n)R)R.", "no name"),
        (b"]Nb.", "a state for"),
        (b"cos\nsystem\nNb.", "a state for the name"),
        (b"NN\x93.", "no string"),
    ],
)
def test_errors_tell_what_is_wrong(data, reason):
    with pytest.raises(FormatError, match=r"^pickle: byte \d+: ") as error:
        parse(data)
    assert reason in str(error.value)


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n"
F4 = b"cnumpy\ndtype\n(S'f4'\ntR"


@pytest.mark.parametrize(
    "state, reason",
    [
        (b"(I1000000\nI1000000\nI1000000\nt" + F4 + b"I0\nC\x04abcdtb.", "4 bytes for an array"),
        (b"(I-1\nt" + F4 + b"I0\nC\x04abcdtb.", "more than sizes"),
        (b"(" + b"I2\n" * 40 + b"t" + F4 + b"I0\nC\x04abcdtb.", "without a shape"),
        (b"(I1\ntNI0\nC\x04abcdtb.", "without a type"),
        (b"(I1\nt" + F4 + b"I0\nNtb.", "without bytes"),
        (b"(I1\nttb.", "a state of another kind"),
    ],
)
def test_arrays_are_as_large_as_their_bytes(state, reason):
    with pytest.raises(FormatError) as error:
        parse(ARRAY + state)
    assert reason in str(error.value)


@pytest.mark.parametrize("code", [b"O", b"V8", b"U4", b"S4", b"c8", b"M8", b"f16", b"O8"])
def test_arrays_of_other_types_are_not_made(code):
    state = b"(I1\ntcnumpy\ndtype\n(S'" + code + b"'\ntRI0\nC\x08abcdabcdtb."
    assert isinstance(parse(ARRAY + state), PickledObject)


# ---- Bombs


def test_deep_nesting_is_read_and_forgotten():
    depth = 200_000
    found = parse(b"]" * depth + b"a" * (depth - 1) + b".")
    assert len(found) == 1
    del found
    assert isinstance(parse(b"c_\n_\n)R" * 50_000 + b"b" * 49_999 + b"."), PickledObject)


def test_doubling_costs_no_more_than_its_bytes():
    doubled = b"]q\x00" + b"".join(b"(h%ch%clq%c" % (i, i, i + 1) for i in range(200)) + b"."
    found = parse(doubled)
    assert len(found) == 2
    assert "PickledObject" not in repr(PickledObject("m", "n", (found,)))


def test_copies_are_bounded():
    """A thousand texts of a megabyte, of one that stands in the file."""
    text = b"X" + (1 << 20).to_bytes(4, "little") + b"x" * (1 << 20) + b"q\x000"
    copies = b"".join(b"c_codecs\nencode\n(h\x00S'latin1'\ntR" for _ in range(1000))
    with pytest.raises(FormatError, match="copies more than it holds"):
        parse(text + copies + b".")
    sets = b"(" + b"".join(b"M" + i.to_bytes(2, "little") for i in range(10_000)) + b"lq\x000"
    sets += b"c__builtin__\nset\nq\x01" + b"0h\x01(h\x00tR" * 1000
    with pytest.raises(FormatError, match="copies more than it holds"):
        parse(sets + b".")


def test_keys_cannot_be_made_to_collide():
    """Whole numbers that are multiples of 2^61 - 1 have one hash; those of 64 bits are eight."""
    numbers = b"".join(
        b"\x8a\x0b" + (i * ((1 << 61) - 1) << 8).to_bytes(11, "little") for i in range(1, 1000)
    )
    with pytest.raises(FormatError, match="a key of type int"):
        parse(b"\x8f(" + numbers + b"\x90.")
    assert (
        len(
            parse(
                b"\x8f("
                + b"".join(b"\x8a\x08" + (i << 40).to_bytes(8, "little") for i in range(20_000))
                + b"\x90."
            )
        )
        == 20_000
    )


# ---- What is a pickle


def test_what_looks_pickled():
    for protocol in PROTOCOLS:
        assert pickled.looks_pickled(pickle.dumps(Thing(a=1), protocol))
    for head in (
        b"",
        b"\x80",
        b"\x80\x01",
        b"\x80\x06",
        b"\x38\x02\0\0\0\0\0\0{",
        b"3 2\na 1 2",
        b"cat sat\n",
        b"(a b)",
    ):
        assert not pickled.looks_pickled(head)


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "p"
    path.write_bytes(pickle.dumps([1]))
    assert pickled.read(path) == [1]
    monkeypatch.setattr(pickled, "MAX_BYTES", 3)
    with pytest.raises(FormatError, match="longer"):
        pickled.read(path)


def test_every_instruction_is_known_or_refused():
    codes = {ord(op.code) for op in pickletools.opcodes}
    assert codes == set(pickled.STEPS) | set(pickled.REFUSED) | {pickled.STOP}
