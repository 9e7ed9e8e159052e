"""The container of the .fvec file: a safetensors file that is mapped, not parsed (docs/file-format.md, "Container").

Named arrays on 64-byte boundaries, strings of metadata, checksums; `store` knows what .fvec keeps in it.
"""

import json
import math
import mmap as _mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastvec._atomic import atomic_writer
from fastvec._memory import allocate
from fastvec.errors import FormatError

Array = NDArray[Any]
StrPath = str | os.PathLike[str]

ALIGNMENT = 64
MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors package
BLOCK = 8 << 20  # bytes written or checked at once
MAX_DIMENSIONS = 32
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
# Metadata that the container itself keeps.
ROWS, CHECKSUMS, HEADER_CHECKSUM = "rows", "crc32", "header_crc32"
RESERVED = frozenset({ROWS, CHECKSUMS, HEADER_CHECKSUM})
_ZERO = "00000000"


class Tensors(dict[str, Array]):
    """Arrays by name, and the file's `metadata`; arrays of a mapped file are read-only.

    `checked` tells that the header carried its own checksum: fastvec wrote it so.
    """

    def __init__(self, arrays: Mapping[str, Array], metadata: dict[str, str], checked: bool) -> None:
        super().__init__(arrays)
        self.metadata = metadata
        self.checked = checked


# ---- Writing


def save_tensors(
    path: StrPath, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays and metadata as one safetensors file, atomically.

    Each array starts on a 64-byte boundary. The format allows no holes, so that every array but the last gets
    rows of zeros at its end until its length is a multiple of 64 bytes; `open_tensors` takes them off again,
    other readers see them. Put the array that others are to read last.

    Parameters
    ----------
    path : str or path
    tensors : mapping of str to array
        In the order of the file; one or more dimensions each. Strided arrays are streamed, not copied whole.
    metadata : mapping of str to str, optional
        Kept as it is. The keys ``rows``, ``crc32`` and ``header_crc32`` are the container's own.

    Raises
    ------
    ValueError
        An array without dimensions or of a type that the format does not know, a reserved key.
    OSError
        The file cannot be written; what was there before stays whole.
    """
    metadata = dict(metadata or {})
    if not RESERVED.isdisjoint(metadata):
        raise ValueError(f"metadata: the keys {sorted(RESERVED & set(metadata))} are the container's own")
    arrays = {name: _little_endian(name, array) for name, array in tensors.items()}
    checksums = dict.fromkeys(arrays, _ZERO)
    with atomic_writer(path) as file:
        file.write(_header(arrays, metadata, checksums))
        for name, array in arrays.items():
            checksums[name] = f"{_write(file, array, _padded_rows(arrays, name)):08x}"
        file.seek(0)
        file.write(_header(arrays, metadata, checksums))


def _little_endian(name: str, array: Array) -> Array:
    """Return `array` in a type of the format; a copy is made on big-endian machines only."""
    array = np.asanyarray(array)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES or array.ndim == 0:
        raise ValueError(f"tensor {name!r}: {array.ndim}-dimensional {array.dtype} cannot be stored")
    return array.astype(dtype, copy=False)


def _row_bytes(array: Array) -> int:
    return int(math.prod(array.shape[1:])) * array.itemsize


def _padded_rows(arrays: dict[str, Array], name: str) -> int:
    """Rows that `name` takes in the file: as many as make its length a multiple of the alignment."""
    array = arrays[name]
    row_bytes = _row_bytes(array)
    if row_bytes == 0 or name == next(reversed(arrays)):
        return len(array)
    step = ALIGNMENT // math.gcd(ALIGNMENT, row_bytes)
    return -(-len(array) // step) * step


def _header(arrays: dict[str, Array], metadata: Mapping[str, str], checksums: Mapping[str, str]) -> bytes:
    """Length and JSON text, padded with spaces to the alignment; as long whatever the checksums are."""
    entries: dict[str, Any] = {}
    rows: dict[str, int] = {}
    start = 0
    for name, array in arrays.items():
        shape = (_padded_rows(arrays, name), *array.shape[1:])
        if shape != array.shape:
            rows[name] = array.shape[0]
        end = start + shape[0] * _row_bytes(array)
        entries[name] = {"dtype": _NAMES[array.dtype], "shape": shape, "data_offsets": [start, end]}
        start = end
    own = {ROWS: json.dumps(rows), CHECKSUMS: json.dumps(checksums), HEADER_CHECKSUM: _ZERO}
    text = json.dumps({"__metadata__": {**metadata, **own}, **entries}, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    header = len(text).to_bytes(8, "little") + text
    return header.replace(_header_field(_ZERO), _header_field(f"{zlib.crc32(header):08x}"))


def _header_field(checksum: str) -> bytes:
    """The header's own checksum in the JSON text: unique there, for quotes in other strings are escaped."""
    return f'"{HEADER_CHECKSUM}":"{checksum}"'.encode()


def _write(file: BinaryIO, array: Array, padded_rows: int) -> int:
    """Append `array` and zeros up to `padded_rows` rows; return the CRC-32 of what was written."""
    row_bytes = _row_bytes(array)
    step = max(1, BLOCK // max(1, row_bytes))
    checksum = 0
    for start in range(0, array.shape[0] if row_bytes else 0, step):
        # A copy: threads may be training the array, and the checksum must be that of what is written.
        block = array[start : start + step].tobytes()
        checksum = zlib.crc32(block, checksum)
        file.write(block)
    padding = bytes((padded_rows - array.shape[0]) * row_bytes)
    file.write(padding)
    return zlib.crc32(padding, checksum)


# ---- Reading


class _Entry(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


def open_tensors(path: StrPath, *, mmap: bool = True, verify: bool = False) -> Tensors:
    """Open a safetensors file.

    Parameters
    ----------
    path : str or path
    mmap : bool
        Map the file, read-only; else read it into memory of its own.
    verify : bool
        Compare every array with its checksum, where the file holds checksums.

    Returns
    -------
    Tensors
        The arrays by name and ``.metadata``.

    Raises
    ------
    FormatError
        The file is truncated, damaged, or no safetensors file.
    OSError
        The file cannot be opened.
    """
    check_regular(path)
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = _read_header(file, size, path)
        entries, metadata = _parse_header(header, size, path)
        data = _map(file, size, path) if mmap else _read(file, size, path)
    rows = _own_metadata(metadata, ROWS, path)
    checksums = _own_metadata(metadata, CHECKSUMS, path)
    checked = metadata.pop(HEADER_CHECKSUM, None) is not None
    arrays = {}
    for entry in entries:
        if verify and entry.name in checksums:
            _verify(data[entry.start : entry.end], checksums[entry.name], entry, path)
        arrays[entry.name] = _array(data, entry, rows.get(entry.name), path)
    return Tensors(arrays, metadata, checked)


def is_pipe(path: StrPath) -> bool:
    """Tell whether `path` is a pipe or a device, which may be read once."""
    given = Path(path)
    return not given.is_file() and given.exists() and not given.is_dir()


def check_regular(path: StrPath) -> None:
    """Raise FormatError for a pipe or a device: what is read of it to tell its format would be gone."""
    if is_pipe(path):
        raise FormatError(
            f"{os.fspath(path)}: a pipe or a device; give a file, which can be read more than once"
        )


def fail(path: StrPath, offset: int, reason: str) -> NoReturn:
    """Raise a `FormatError` that names file and place."""
    raise FormatError(f"{os.fspath(path)}: byte {offset}: {reason}")


def _read_header(file: BinaryIO, size: int, path: StrPath) -> bytes:
    """Read the length and the JSON text."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        fail(path, 0, f"no safetensors file, or truncated: a header of {length} bytes in a file of {size}")
    file.seek(0)
    header = file.read(8 + length)
    if len(header) < 8 + length or header[8:9] != b"{":
        fail(path, 8, "no safetensors file: the header does not start with '{'")
    return header


def _parse_header(header: bytes, size: int, path: StrPath) -> tuple[list[_Entry], dict[str, str]]:
    """Return the arrays' places in the file, in order and without holes up to `size`, and the metadata."""
    try:
        fields = json.loads(header[8:], object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        fail(path, 8, f"the header is not valid JSON: {error}")
    metadata = fields.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        fail(path, 8, "the header's metadata is no map of strings")
    if HEADER_CHECKSUM in metadata:
        zeroed = header.replace(_header_field(metadata[HEADER_CHECKSUM]), _header_field(_ZERO))
        if f"{zlib.crc32(zeroed):08x}" != metadata[HEADER_CHECKSUM]:
            fail(path, 8, "the header is damaged: it does not have its checksum")
    entries = sorted(
        (_entry(n, f, len(header), path) for n, f in fields.items()), key=lambda e: (e.start, e.end)
    )
    at = len(header)
    for entry in entries:
        if entry.start != at:
            fail(path, at, f"tensor {entry.name!r} starts at {entry.start}: there is a hole or an overlap")
        at = entry.end
    if at != size:
        fail(path, min(at, size), f"the tensors end at byte {at}, the file at {size}")
    return entries, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice")
    return fields


def _entry(name: str, fields: Any, header_size: int, path: StrPath) -> _Entry:
    """Check one tensor's entry: known type, a shape of natural numbers, a length that fits both."""
    try:
        code, shape, (start, end) = fields["dtype"], fields["shape"], fields["data_offsets"]
        numbers = [*shape, start, end]
    except (KeyError, TypeError, ValueError):
        fail(path, 8, f"tensor {name!r}: dtype, shape or data_offsets is missing or misformed")
    if not isinstance(code, str) or code not in DTYPES:
        fail(path, 8, f"tensor {name!r}: type {code!r} is not supported; supported: {', '.join(DTYPES)}")
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers):
        fail(path, 8, f"tensor {name!r}: impossible shape or offsets")
    dtype = np.dtype(DTYPES[code])
    if math.prod(n for n in shape if n) * dtype.itemsize >= 1 << 63:
        fail(path, 8, f"tensor {name!r}: impossible shape {shape}")
    if math.prod(shape) * dtype.itemsize != end - start:
        fail(
            path,
            header_size + start,
            f"tensor {name!r}: shape {shape} of {code} does not take {end - start} bytes",
        )
    return _Entry(name, dtype, tuple(shape), header_size + start, header_size + end)


def _map(file: BinaryIO, size: int, path: StrPath) -> memoryview:
    try:
        return memoryview(_mmap.mmap(file.fileno(), size, access=_mmap.ACCESS_READ))
    except ValueError:  # it became shorter since
        fail(path, size, "the file is truncated")


def _read(file: BinaryIO, size: int, path: StrPath) -> memoryview:
    """Read the whole file into memory that starts on a 64-byte boundary."""
    room = allocate((size + ALIGNMENT,), np.uint8)
    start = -room.__array_interface__["data"][0] % ALIGNMENT
    data = room.data[start : start + size]
    file.seek(0)
    done = 0
    while done < size:
        got = file.readinto(data[done : done + (1 << 30)])  # type: ignore[attr-defined]
        if not got:
            fail(path, done, "the file is truncated")
        done += got
    return data


def _own_metadata(metadata: dict[str, str], key: str, path: StrPath) -> dict[str, Any]:
    """Take one of the container's own JSON maps out of `metadata`."""
    if key not in metadata:
        return {}
    try:
        value = json.loads(metadata.pop(key))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        fail(path, 8, f"metadata {key!r} is no JSON map")
    return value


def _verify(data: memoryview, expected: Any, entry: _Entry, path: StrPath) -> None:
    checksum = 0
    for start in range(0, len(data), BLOCK):
        checksum = zlib.crc32(data[start : start + BLOCK], checksum)
    if f"{checksum:08x}" != expected:
        fail(
            path,
            entry.start,
            f"tensor {entry.name!r} is damaged: checksum {checksum:08x}, expected {expected}",
        )


def _array(data: memoryview, entry: _Entry, rows: Any, path: StrPath) -> Array:
    """View an entry's bytes as an array of its true number of rows."""
    if entry.start == entry.end:
        array: Array = np.empty(entry.shape, entry.dtype)
    else:
        array = np.ndarray(entry.shape, entry.dtype, data, entry.start)
    if not array.flags.aligned:  # written by others; compiled code must not meet it
        array = array.copy()
        array.flags.writeable = not data.readonly
    if rows is None:
        return array
    if type(rows) is not int or not entry.shape or not 0 <= rows <= entry.shape[0]:
        fail(path, entry.start, f"tensor {entry.name!r}: {rows!r} rows of {entry.shape}")
    return array[:rows]
