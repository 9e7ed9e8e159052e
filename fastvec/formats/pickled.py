"""Pickles read as data: nothing in them is imported, called or run.

A pickle is a program for a small stack machine, and one of its instructions calls any function by name. This reader
knows the machine, and not that instruction: a name stays a name, a call becomes a `PickledObject` that tells what would
have been called, and what is known to be plain data (numpy's arrays of numbers, dicts, sets) is made here, from the
bytes (`fastvec.formats.pickled_values`). Protocols 0 to 5; strings of Python 2 are read as Latin-1.

A hostile file costs time and memory in proportion to its length: lengths are compared with what is left of the file
before anything is read, and what is copied is bounded.
"""

import os
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from fastvec.errors import FormatError, TruncatedFileError
from fastvec.formats import open_input
from fastvec.formats.pickled_values import Budget, PickledObject, built, called, checked_key, made, named

__all__ = ["PickledObject", "looks_pickled", "parse", "read"]

StrPath = str | os.PathLike[str]

PROTO, STOP = 0x80, 0x2E
MAX_PROTOCOL = 5
MAX_BYTES = 1 << 33
"""Most bytes of a file, decompressed."""
CHUNK = 64 << 20
DAMAGE = IndexError, OverflowError, TypeError, ValueError
"""What a damaged instruction ends in: an empty stack, an object that is no list, text that is no number."""
MAX_DIGITS = 4000
BINARY = [bytes([PROTO, n]) for n in range(2, MAX_PROTOCOL + 1)]
TEXT = re.compile(rb"(c|\(i)[\w.]+\n[\w.]+\n")
"""How pickles of objects begin: of protocols from 2 on, and before."""
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
ESCAPED = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v",
    b"\\": b"\\", b"'": b"'", b'"': b'"', b"\n": b"",
}  # fmt: skip


def looks_pickled(head: bytes) -> bool:
    """Tell from its first bytes (100 will do) whether a file may be a pickle; a .fvec file never begins so."""
    return head[:2] in BINARY or TEXT.match(head) is not None


def read(path: StrPath) -> Any:
    """Read the pickle in a file, plain or compressed with gzip, bzip2 or xz; as `parse`.

    Raises
    ------
    FormatError
        If the file is damaged, or its bytes would not fit `MAX_BYTES`.
    """
    chunks, size = [], 0
    with open_input(path) as file:
        while chunk := file.read(CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise FormatError(
                    f"{os.fspath(path)}: byte {MAX_BYTES}: a pickle longer than that is not read"
                )
    return parse(b"".join(chunks), os.fspath(path))


def parse(data: bytes, origin: str = "pickle") -> Any:
    """Return what a pickle holds, as plain data.

    Parameters
    ----------
    data : bytes
    origin : str
        Where they come from, for the errors.

    Returns
    -------
    object
        None, bool, int, float, str, bytes; tuples, lists, dicts and sets of such; numpy arrays of numbers, which are
        views of `data`, and read-only; and `PickledObject` for everything else.

    Raises
    ------
    FormatError
        If the pickle is damaged, naming the byte; a `TruncatedFileError`, if it ends early.
    """
    return _Machine(data, origin).run()


class _Machine:
    """The stack machine. `at` is the place of what is read next; `stack` is what was put since the last mark."""

    def __init__(self, data: bytes, origin: str) -> None:
        self.data, self.origin, self.at = data, origin, 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.budget = Budget(len(data))

    def run(self) -> Any:
        start, data, steps, end = 0, self.data, STEPS, len(self.data)
        try:
            while True:
                start = self.at
                if start >= end:
                    self.fail_short("an instruction")
                code = data[start]
                self.at = start + 1
                if code == STOP:
                    return self.stack.pop()
                step = steps.get(code)
                if step is None:
                    raise ValueError(REFUSED.get(code, f"{code:#04x} is no instruction of a pickle"))
                step(self)
        except FormatError as error:
            raise type(error)(f"{self.origin}: byte {start}: {error}") from None
        except DAMAGE as error:
            reason = str(error)[:200]
            raise FormatError(f"{self.origin}: byte {start}: the pickle is damaged: {reason}") from error

    # ---- What instructions are made of

    def fail_short(self, what: str) -> NoReturn:
        raise TruncatedFileError(f"the file ends where {what} should stand")

    def take(self, n: int) -> bytes:
        """Return the next `n` bytes."""
        at = self.at
        if n < 0 or n > len(self.data) - at:
            self.fail_short(f"{n} bytes")
        self.at = at + n
        return self.data[at : at + n]

    def number(self, size: int) -> int:
        """Return the next `size` bytes as a number without sign."""
        return int.from_bytes(self.take(size), "little")

    def line(self) -> bytes:
        """Return the bytes up to the next end of a line."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            self.fail_short("the end of a line")
        at, self.at = self.at, end + 1
        return self.data[at:end]

    def since_mark(self) -> list[Any]:
        """Return what was put since the last mark, which is taken away."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def put(self, value: Any) -> None:
        self.stack.append(value)

    def keep(self, place: int) -> None:
        """Keep the last value, to be got again; an array that is being made is replaced there when it is complete."""
        if not 0 <= place < 1 << 32:
            raise ValueError("a value is to be kept at an impossible place")
        value = self.memo[place] = self.stack[-1]
        if type(value) is PickledObject:
            value.place = place

    def get(self, place: int) -> None:
        """Put a value that was kept."""
        if place not in self.memo:
            raise ValueError("a value is wanted that was not kept")
        self.stack.append(self.memo[place])


# ---- Instructions. Each takes the machine, at the byte behind its code.


def _literal(value: Any) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(value)


def _empty(kind: type) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(kind())


def _unsigned(size: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.number(size))


def _sized(size: int, decode: Callable[[bytes], Any]) -> Callable[[_Machine], None]:
    """A length of `size` bytes, and so many bytes behind it."""
    return lambda m: m.stack.append(decode(m.take(m.number(size))))


def _text_line(decode: Callable[[bytes], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(decode(m.line()))


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _latin1(raw: bytes) -> str:
    return raw.decode("latin-1")


def _signed_long(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _quoted(line: bytes) -> str:
    """Return a string of Python 2 as its source has it: in quotes, with escapes."""
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string without quotes")
    return ESCAPE.sub(_unescaped, line[1:-1]).decode("latin-1")


def _unescaped(found: "re.Match[bytes]") -> bytes:
    text = found[1]
    if text[:1] == b"x":
        return bytes([int(text[1:], 16)])
    if text.isdigit():
        return bytes([int(text, 8) & 0xFF])
    return ESCAPED.get(text, found[0])


def _decimal(line: bytes) -> int | bool:
    if line in (b"00", b"01"):  # how protocol 1 writes truth
        return line == b"01"
    line = line.strip().removesuffix(b"L")
    if len(line) > MAX_DIGITS:
        raise ValueError(f"a number of {len(line)} digits")
    return int(line)


def _binint(m: _Machine) -> None:
    m.put(int.from_bytes(m.take(4), "little", signed=True))


def _binfloat(m: _Machine) -> None:
    m.put(struct.unpack(">d", m.take(8))[0])


def _proto(m: _Machine) -> None:
    protocol = m.number(1)
    if protocol > MAX_PROTOCOL:
        raise ValueError(f"protocol {protocol} is not known; up to {MAX_PROTOCOL} is")


def _frame(m: _Machine) -> None:
    size = m.number(8)
    if size > len(m.data) - m.at:
        m.fail_short(f"a frame of {size} bytes")


def _mark(m: _Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


def _pop(m: _Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _pop_mark(m: _Machine) -> None:
    m.since_mark()


def _dup(m: _Machine) -> None:
    m.put(m.stack[-1])


def _tuple_of(n: int) -> Callable[[_Machine], None]:
    def step(m: _Machine) -> None:
        if len(m.stack) < n:
            raise IndexError(f"{len(m.stack)} values for a tuple of {n}")
        m.stack[-n:] = [tuple(m.stack[-n:])]

    return step


def _from_mark(kind: Callable[[list[Any]], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.put(kind(m.since_mark()))


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        yield checked_key(key), value


def _frozen(items: list[Any]) -> frozenset[Any]:
    return frozenset(map(checked_key, items))


def _extend(m: _Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if isinstance(target, PickledObject):
        target = target.take_items()
    if type(target) is not list:
        raise TypeError(f"values are appended to {_kind(target)}")
    target.extend(items)


def _set_items(m: _Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if isinstance(target, PickledObject):
        target.take_items().extend(_pairs(items))
    elif type(target) is dict:
        target.update(_pairs(items))
    else:
        raise TypeError(f"keys and values are set in {_kind(target)}")


def _add_items(m: _Machine) -> None:
    items = m.since_mark()
    if type(m.stack[-1]) is not set:
        raise TypeError(f"values are added to {_kind(m.stack[-1])}, which is no set")
    m.stack[-1].update(map(checked_key, items))


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"


def _setitem(m: _Machine) -> None:
    value = m.stack.pop()
    _set_items(m, [m.stack.pop(), value])


def _append(m: _Machine) -> None:
    value = m.stack.pop()
    _extend(m, [value])


def _memoize(m: _Machine) -> None:
    m.keep(len(m.memo))


def _keep_line(m: _Machine) -> None:
    m.keep(_decimal(m.line()))


def _keep(size: int) -> Callable[[_Machine], None]:
    return lambda m: m.keep(m.number(size))


def _get_line(m: _Machine) -> None:
    m.get(_decimal(m.line()))


def _get(size: int) -> Callable[[_Machine], None]:
    return lambda m: m.get(m.number(size))


def _global(m: _Machine) -> None:
    module = _utf8(m.line())
    m.put(named(module, _utf8(m.line())))


def _stack_global(m: _Machine) -> None:
    name = m.stack.pop()
    m.put(named(m.stack.pop(), name))


def _reduce(m: _Machine) -> None:
    args = m.stack.pop()
    m.put(called(m.stack.pop(), args, m.budget))


def _newobj(m: _Machine) -> None:
    args = m.stack.pop()
    m.put(made(m.stack.pop(), args))


def _newobj_ex(m: _Machine) -> None:
    m.stack.pop()  # arguments by name: whoever would call does not
    _newobj(m)


def _inst(m: _Machine) -> None:
    module, name = _utf8(m.line()), _utf8(m.line())
    m.put(made(named(module, name), tuple(m.since_mark())))


def _obj(m: _Machine) -> None:
    kind, *args = m.since_mark()
    m.put(made(kind, tuple(args)))


def _build(m: _Machine) -> None:
    state = m.stack.pop()
    before = m.stack[-1]
    after = m.stack[-1] = built(before, state, m.budget)
    if after is before:
        return
    place = before.place
    if m.memo.get(place) is before:
        m.memo[place] = after


STEPS: dict[int, Callable[[_Machine], None]] = {
    code[0]: step
    for code, step in {
        b"\x80": _proto, b"\x95": _frame,
        b"N": _literal(None), b"\x88": _literal(True), b"\x89": _literal(False),
        b"I": _text_line(_decimal), b"L": _text_line(_decimal), b"F": _text_line(float),
        b"J": _binint, b"K": _unsigned(1), b"M": _unsigned(2), b"G": _binfloat,
        b"\x8a": _sized(1, _signed_long), b"\x8b": _sized(4, _signed_long),
        b"S": _text_line(_quoted), b"T": _sized(4, _latin1), b"U": _sized(1, _latin1),
        b"V": _text_line(lambda line: line.decode("raw-unicode-escape")),
        b"X": _sized(4, _utf8), b"\x8c": _sized(1, _utf8), b"\x8d": _sized(8, _utf8),
        b"B": _sized(4, bytes), b"C": _sized(1, bytes), b"\x8e": _sized(8, bytes), b"\x96": _sized(8, bytes),
        b"(": _mark, b"0": _pop, b"1": _pop_mark, b"2": _dup,
        b")": _empty(tuple), b"]": _empty(list), b"}": _empty(dict), b"\x8f": _empty(set),
        b"\x85": _tuple_of(1), b"\x86": _tuple_of(2), b"\x87": _tuple_of(3),
        b"t": _from_mark(tuple), b"l": _from_mark(list), b"d": _from_mark(lambda items: dict(_pairs(items))),
        b"\x91": _from_mark(_frozen),
        b"a": _append, b"e": lambda m: _extend(m, m.since_mark()),
        b"s": _setitem, b"u": lambda m: _set_items(m, m.since_mark()), b"\x90": _add_items,
        b"p": _keep_line, b"q": _keep(1), b"r": _keep(4), b"\x94": _memoize,
        b"g": _get_line, b"h": _get(1), b"j": _get(4),
        b"c": _global, b"\x93": _stack_global,
        b"R": _reduce, b"\x81": _newobj, b"\x92": _newobj_ex, b"i": _inst, b"o": _obj, b"b": _build,
    }.items()
}  # fmt: skip
"""Code of each instruction and what it does; `pickletools.opcodes` of the standard library describes them."""

REFUSED = {
    code[0]: reason
    for codes, reason in (
        ((b"P", b"Q"), "an object that is kept outside of the pickle, under a name that is the writer's own"),
        ((b"\x82", b"\x83", b"\x84"), "a name by its number in a register of the writer's"),
        ((b"\x97", b"\x98"), "a buffer that is kept outside of the pickle"),
    )
    for code in codes
}
