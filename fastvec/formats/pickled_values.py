"""What the calls in a pickle stand for: plain data where that is known, else a `PickledObject`. Nothing is called.

Arrays: ``numpy.core.multiarray._reconstruct`` and a state ``(version, shape, dtype, fortran, bytes)``; their types are
those of `CODES`, and the bytes must be as many as the shape says.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastvec.errors import FormatError

CODES = frozenset(
    ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
)  # numbers and truth: what is no plain number may run code when it is read
MAX_DIMENSIONS = 32
MAX_KEY = 64
"""Most parts of a tuple that is a key."""
ROOM = 1 << 12


class PickledObject:
    """A name in a pickle, or an object that would have been made by it.

    Attributes
    ----------
    module, name : str
    args : tuple or None
        What it would have been called with; None: a name alone.
    state : object
        What it would have been given as its attributes; None where nothing was.
    items : sequence
        Values that would have been appended, or pairs that would have been set.
    """

    __slots__ = ("args", "items", "module", "name", "place", "state")

    def __init__(self, module: str, name: str, args: tuple[Any, ...] | None = None) -> None:
        self.module, self.name, self.args = module, name, args
        self.state: Any = None
        self.items: Sequence[Any] = ()
        self.place: int | None = None

    def __repr__(self) -> str:  # without what it holds, which may be large, or hold itself
        return f"<{'name' if self.args is None else 'object'} {self.module}.{self.name} of a pickle>"

    def take_items(self) -> list[Any]:
        """Return `items` as a list to be added to."""
        if not isinstance(self.items, list):
            self.items = []
        return self.items

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes: the state, where that is a dict; else none."""
        return self.state if isinstance(self.state, dict) else {}


class Budget:
    """Bounds what calls copy: all together at most the length of the file, and a little room."""

    def __init__(self, size: int) -> None:
        self.left = size + ROOM

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise FormatError("the pickle copies more than it holds, again and again")


# ---- Names, calls, states


def named(module: Any, name: Any) -> PickledObject:
    """Return a name."""
    if type(module) is not str or type(name) is not str:
        raise TypeError("a name that is no string")
    return PickledObject(module, name)


def called(function: Any, args: Any, budget: Budget) -> Any:
    """Return what a call would have returned, where that is plain data; else an object that tells of it."""
    name = _checked(function, args)
    data = CALLS.get((name.module, name.name))
    found = None if data is None else data(args, budget)
    return PickledObject(name.module, name.name, args) if found is None else found


def made(kind: Any, args: Any) -> PickledObject:
    """Return an object of a class, or of a dict, which items are set in."""
    name = _checked(kind, args)
    return PickledObject(name.module, name.name, args)


def built(thing: Any, state: Any, budget: Budget) -> Any:
    """Return an object with its state: itself, or the array that it was to become."""
    if not isinstance(thing, PickledObject):
        if isinstance(thing, dict | set):  # attributes of a class that was read as its plain data
            return thing
        raise TypeError(f"a state for an object of type {type(thing).__name__}")
    if thing.args is None:
        raise TypeError(f"a state for the name {thing.module}.{thing.name}"[:150])
    thing.state = state
    if (thing.module, thing.name) in ARRAYS:
        array = _array(state, budget)
        return thing if array is None else array
    return thing


def _checked(function: Any, args: Any) -> PickledObject:
    if not isinstance(function, PickledObject) or function.args is not None:
        raise TypeError("a call of what is no name")
    if type(args) is not tuple:
        raise TypeError("a call without a tuple of arguments")
    return function


def checked_key(key: Any) -> Any:
    """Return a key of a dict or a member of a set: such that many of them cannot be made to collide.

    Raises
    ------
    TypeError
        If it is no text, no number of 64 bits, no object, and no short tuple of texts.
    """
    kind = type(key)
    if kind in (str, bytes, bool, float, type(None), PickledObject):
        return key
    if kind is int and -(1 << 63) <= key < 1 << 64:
        return key
    if kind is tuple and len(key) <= MAX_KEY and all(type(part) in (str, bytes) for part in key):
        return key
    raise TypeError(f"a key of type {kind.__name__}")


# ---- Arrays


def _dtype(thing: Any) -> np.dtype[Any] | None:
    """Return the type that ``numpy.dtype(code, ...)`` and its state describe, if it is of numbers or truth."""
    if not isinstance(thing, PickledObject) or (thing.module, thing.name) != ("numpy", "dtype"):
        raise TypeError("an array without a type")
    code = thing.args[0] if thing.args else None
    if type(code) is not str or code not in CODES:
        return None
    order: Any = thing.state[1] if isinstance(thing.state, tuple) and len(thing.state) >= 5 else "="
    if order not in ("<", ">", "|", "=") or (thing.state is not None and any(thing.state[2:5])):
        raise ValueError("an array's type with a state of another kind")
    return np.dtype(code).newbyteorder(order)


def _array(state: Any, budget: Budget) -> Any:
    """Return the array that a state describes: of numbers, or for objects a list of them; None: of another type."""
    if type(state) is not tuple or len(state) != 5:
        raise ValueError("an array with a state of another kind")
    _, shape, dtype, fortran, data = state
    if isinstance(data, list):
        return data if type(shape) is tuple and shape == (len(data),) else None
    found = _dtype(dtype)
    return None if found is None else _viewed(data, found, shape, bool(fortran), budget)


def _viewed(data: Any, dtype: np.dtype[Any], shape: Any, fortran: bool, budget: Budget) -> Any:
    """Return a view of bytes as an array."""
    data = _raw(data, budget)
    if type(shape) is not tuple or len(shape) > MAX_DIMENSIONS:
        raise ValueError("an array without a shape")
    if not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
        raise ValueError("an array's shape holds more than sizes")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes for an array of {dtype} {shape}"[:150])
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _raw(data: Any, budget: Budget) -> bytes:
    """Return bytes, which Python 2 has as a string."""
    if type(data) is str:
        budget.spend(len(data))
        return data.encode("latin-1")
    if type(data) is not bytes:
        raise TypeError("an array without bytes")
    return data


def _scalar(args: tuple[Any, ...], budget: Budget) -> Any:
    """``scalar(dtype, bytes)``: a number."""
    dtype = _dtype(args[0]) if args else None
    if dtype is None or len(args) != 2:
        return None
    return _viewed(args[1], dtype, (1,), False, budget).item()


def _from_buffer(args: tuple[Any, ...], budget: Budget) -> Any:
    """``_frombuffer(bytes, dtype, shape, order)``: an array, as protocol 5 has it."""
    dtype = _dtype(args[1]) if len(args) == 4 else None
    return None if dtype is None else _viewed(args[0], dtype, args[2], args[3] == "F", budget)


# ---- Calls of what is plain data


def _encoded(args: tuple[Any, ...], budget: Budget) -> Any:
    """``_codecs.encode(text, "latin1")``: how protocol 2 writes bytes."""
    if len(args) != 2 or type(args[0]) is not str or args[1] not in ("latin1", "latin-1"):
        return None
    return _raw(args[0], budget)


def _bytes(args: tuple[Any, ...], budget: Budget) -> Any:
    """``bytes()`` and ``bytearray(bytes)``."""
    if not args:
        return b""
    return args[0] if len(args) == 1 and type(args[0]) is bytes else None


def _set(args: tuple[Any, ...], budget: Budget) -> Any:
    """``set(list)``."""
    return _members(set, args, budget)


def _frozenset(args: tuple[Any, ...], budget: Budget) -> Any:
    """``frozenset(list)``."""
    return _members(frozenset, args, budget)


def _members(kind: Callable[[Any], Any], args: tuple[Any, ...], budget: Budget) -> Any:
    if not args:
        return kind(())
    if len(args) != 1 or not isinstance(args[0], list | tuple | set | frozenset):
        return None
    budget.spend(len(args[0]))
    return kind(map(checked_key, args[0]))


def _empty_dict(args: tuple[Any, ...], budget: Budget) -> Any:
    """``defaultdict(factory)``: without the factory."""
    return {} if len(args) < 2 else None


def _dict(args: tuple[Any, ...], budget: Budget) -> Any:
    """``OrderedDict()``, ``OrderedDict([[key, value], ...])`` and ``Counter({...})``."""
    if not args:
        return {}
    if len(args) != 1 or not isinstance(args[0], list | tuple | dict):
        return None
    pairs = list(args[0].items()) if isinstance(args[0], dict) else args[0]
    budget.spend(len(pairs))
    found = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return None
        found[checked_key(pair[0])] = pair[1]
    return found


def _plain_object(args: tuple[Any, ...], budget: Budget) -> Any:
    """``copyreg._reconstructor(class, object, None)``: an object in protocols 0 and 1, or (class, dict, {})."""
    if len(args) != 3 or not isinstance(args[0], PickledObject) or args[0].args is not None:
        return None
    return PickledObject(args[0].module, args[0].name, () if args[2] is None else args[2:])


ARRAYS = frozenset((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray"))
Call = Callable[[tuple[Any, ...], Budget], Any]
CALLS: dict[tuple[str, str], Call] = {
    (module, name): call
    for modules, name, call in (
        (("_codecs",), "encode", _encoded),
        (("builtins", "__builtin__"), "bytes", _bytes),
        (("builtins", "__builtin__"), "bytearray", _bytes),
        (("builtins", "__builtin__"), "set", _set),
        (("builtins", "__builtin__"), "frozenset", _frozenset),
        # Python 3.4 wrote the second name for protocol 2.
        (("collections", "UserString"), "defaultdict", _empty_dict),
        (("collections",), "OrderedDict", _dict),
        (("collections",), "Counter", _dict),
        (("copyreg", "copy_reg"), "_reconstructor", _plain_object),
        (("numpy.core.multiarray", "numpy._core.multiarray"), "scalar", _scalar),
        (("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer", _from_buffer),
    )
    for module in modules
}
