"""The file of an index: what usearch writes, then a stamp (JSON), its length, its checksum, and a mark.

The stamp says which vectors the index is of. It follows usearch's own bytes, so usearch opens the file, too, and one
rename puts both in place.
"""

import contextlib
import errno
import json
import mmap
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastvec._atomic import atomic_writer
from fastvec.config import available_cores
from fastvec.errors import FormatError
from fastvec.tensors import fail

Array = NDArray[Any]

ITEM_BYTES = {"f32": 4, "f16": 2, "i8": 1}
NODES_AT_ONCE = 1 << 16
BLOCK = 1 << 24
"""Bytes that have a checksum together."""
SUFFIX = ".usearch"
MAGIC = b"fastvec1"
MAX_STAMP = 1 << 24
HEAD, GRAPH_HEAD = 64, 40
ANEW = "kv.build_index() builds it anew"


def refuse(path: str, offset: int, reason: str) -> NoReturn:
    """Raise a FormatError that names file, place, and the way out."""
    fail(path, offset, f"{reason}; {ANEW}")


def check_replaceable(path: str) -> None:
    """Raise FileExistsError where `path` is something else than an empty file or an index with a sound stamp."""
    if not Path(path).exists():
        return
    if Path(path).is_file():
        with Path(path).open("rb") as file, contextlib.suppress(FormatError):
            if file.seek(0, os.SEEK_END):
                read_stamp(file, path)
            return
    reason = "is there and is no whole index; give build_index another path, or remove this"
    raise FileExistsError(errno.EEXIST, reason, path)


def write(path: str, graph: Any, stamp: dict[str, Any]) -> None:
    """Save a graph of usearch's and its stamp, atomically."""
    with atomic_writer(path) as file:
        try:
            graph.save(file.name)
        except RuntimeError as error:
            raise OSError(f"{path}: usearch could not write the index: {error}") from error
        size = file.seek(0, os.SEEK_END)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole, memoryview(whole) as data:
            sums = checksums(data)
        text = json.dumps({**stamp, "bytes": size, "crc32": sums}).encode()
        file.write(text + len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little") + MAGIC)


def read_stamp(file: BinaryIO, path: str) -> tuple[dict[str, Any], int]:
    """Return the stamp at the end of the file, and how many bytes are usearch's."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 16))
    tail = file.read(16)
    length = int.from_bytes(tail[:4], "little")
    if len(tail) < 16 or tail[8:] != MAGIC or length > min(size - 16, MAX_STAMP):
        refuse(path, max(0, size - 16), "no index of fastvec's, or truncated")
    size -= 16 + length
    file.seek(size)
    text = file.read(length)
    try:
        stamp = json.loads(text)
    except (ValueError, RecursionError):
        stamp = None
    if zlib.crc32(text) != int.from_bytes(tail[4:8], "little") or not isinstance(stamp, dict):
        refuse(path, size, "the index's stamp is damaged")
    if stamp.get("bytes") != size:
        refuse(path, size, f"the index should have {stamp.get('bytes')} bytes")
    return stamp, size


def mapped(file: BinaryIO, path: str) -> memoryview:
    """Map the whole file, read-only."""
    try:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        refuse(path, 0, "the file is empty")


def checksums(data: memoryview) -> list[int]:
    """Return the CRC-32 of each `BLOCK`."""
    starts = range(0, len(data), BLOCK)
    if len(starts) < 2:
        return [_checksum(data, start) for start in starts]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(lambda start: _checksum(data, start), starts))


def _checksum(data: memoryview, start: int) -> int:
    with data[start : start + BLOCK] as block:
        return zlib.crc32(block)


def check_graph(data: memoryview, count: int, dim: int, dtype: str, connectivity: int, path: str) -> None:
    """Refuse a graph that leads beyond its own memory: usearch follows what it reads.

    The layout of usearch 2: rows and bytes a row (uint32), the vectors; a head; five uint64; the level of each node,
    int16; the nodes. A node has a list of neighbours (a count, then places for so many) for each level from 0 up.
    """
    width = dim * ITEM_BYTES[dtype]
    at = 8 + count * width
    if len(data) < at + HEAD + GRAPH_HEAD + 2 * count or np.frombuffer(data, "<u4", 2).tolist() != [
        count,
        width,
    ]:
        refuse(path, 0, f"the index holds no {count} vectors of {width} bytes")
    at += HEAD
    size, links, base, top, entry = np.frombuffer(data, "<u8", 5, at).tolist()
    if (size, links) != (count, connectivity) or base != 2 * links or entry >= count:
        refuse(path, at, "the head of the graph does not fit")
    at += GRAPH_HEAD
    levels = np.frombuffer(data, "<i2", count, at).astype(np.int64)
    at += 2 * count
    if levels.min() < 0 or levels.max() != top or levels[entry] != top:
        refuse(path, at, "impossible levels")
    node = np.dtype([("key", "<u8"), ("level", "<i2"), ("count", "<u4"), ("to", "<u4", base)])
    upper = np.dtype([("count", "<u4"), ("to", "<u4", links)])
    ends = at + np.cumsum(node.itemsize + levels * upper.itemsize)
    if ends[-1] != len(data):
        refuse(path, at, f"the graph ends at byte {ends[-1]}, the index at {len(data)}")
    starts = ends - node.itemsize - levels * upper.itemsize
    for first in range(0, count, NODES_AT_ONCE):
        some = slice(first, first + NODES_AT_ONCE)
        nodes = _records(data, node, starts[some])
        good = (nodes["key"] < count) & (nodes["level"] == levels[some])
        good &= _led_well(nodes, levels, 0)
        if not good.all():
            refuse(path, int(starts[some][np.argmin(good)]), "a node of the graph is damaged")
    for level in range(1, int(top) + 1):
        places = starts[levels >= level] + node.itemsize + (level - 1) * upper.itemsize
        for first in range(0, len(places), NODES_AT_ONCE):
            good = _led_well(_records(data, upper, places[first : first + NODES_AT_ONCE]), levels, level)
            if not good.all():
                refuse(path, int(places[first + np.argmin(good)]), "a node of the graph is damaged")


def _records(data: memoryview, kind: np.dtype[Any], places: NDArray[np.int64]) -> Array:
    """Return the records that begin at these bytes."""
    everywhere: Array = np.ndarray((len(data) - kind.itemsize + 1,), kind, data, 0, (1,))
    return everywhere[places]


def _led_well(nodes: Array, levels: NDArray[np.int64], level: int) -> NDArray[np.bool_]:
    """Tell for each list of neighbours whether all of them are there, and have lists at this level."""
    to, width = nodes["to"], nodes["to"].shape[1]
    used = np.arange(width) < nodes["count"][:, None]
    there = to < len(levels)
    there &= levels[np.where(there, to, 0)] >= level
    good: NDArray[np.bool_] = (nodes["count"] <= width) & (there | ~used).all(axis=1)
    return good
