"""Compressed files: told by their first bytes (what follows a stream is one more, or the end), made by their names."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from fastvec.errors import CorpusError

_CHUNK_BYTES = 1 << 16


class Streams(io.RawIOBase):
    """Reads stream after stream through decompressors like `bz2.BZ2Decompressor`, one of `new()` for each.

    `bz2.BZ2File` and the like take damage at the beginning of a later stream for garbage after the last one,
    and leave the rest out; here it is an error. Bytes of `padding` may stand between streams and at the end.
    """

    def __init__(self, file: BinaryIO, new: Callable[[], Any], padding: bytes = b"") -> None:
        self._file, self._new, self._padding = file, new, padding
        self._stream: Any = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        output = b""
        while not output:
            data = b""
            if self._stream is None:
                data, self._rest = self._rest or self._file.read(_CHUNK_BYTES), b""
                if not data:
                    return 0
                data = data.lstrip(self._padding)
                if not data:
                    continue
                self._stream = self._new()
            elif self._stream.needs_input:
                data = self._file.read(_CHUNK_BYTES)
                if not data:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            output = self._stream.decompress(data, len(buffer))
            if self._stream.eof:
                self._rest, self._stream = self._stream.unused_data, None
        buffer[: len(output)] = output
        return len(output)


class Zstandard(io.RawIOBase):
    """Reads frame after frame of a .zst file through the `zstandard` package, and tells a truncated one."""

    def __init__(self, file: BinaryIO, path: str | os.PathLike[str]) -> None:
        self._file = file
        self._new = _zstandard(path, CorpusError).ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._output = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._output:
            data = self._frame.unused_data if self._frame is not None and self._frame.eof else b""
            data = data or self._file.read(4096)  # a few KB, because each may grow ten-thousandfold
            if not data:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new()
            self._output = self._frame.decompress(data)
        n = min(len(buffer), len(self._output))
        buffer[:n], self._output = self._output[:n], self._output[n:]
        return n


def decompressed(file: io.BufferedReader, path: Path) -> Any:
    """Return what reads the text in `file`, compressed or not: its first bytes tell."""
    head = file.peek(10)[:10]
    if head.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.GzipFile(fileobj=file)
    if head[:3] == b"BZh" and head[4:] == b"1AY&SY":
        import bz2

        return Streams(file, bz2.BZ2Decompressor)
    if head.startswith(b"\xfd7zXZ\x00"):
        import lzma

        return Streams(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), padding=b"\0")
    if not head.startswith(b"\x28\xb5\x2f\xfd"):
        return file
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14

        return Streams(file, zstd.ZstdDecompressor)
    except ImportError:
        pass
    return Zstandard(file, path)


def compressing(file: BinaryIO, path: str | os.PathLike[str]) -> contextlib.AbstractContextManager[Any]:
    """Return what compresses into `file` as the suffix of `path` says, .gz, .bz2, .xz or .zst; else `file` itself."""
    match Path(path).suffix:
        case ".gz":
            import gzip

            return gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0)
        case ".bz2":
            import bz2

            return bz2.BZ2File(file, "wb")
        case ".xz":
            import lzma

            return lzma.LZMAFile(file, "wb")
        case ".zst":
            try:
                from compression import zstd  # Python 3.14
            except ImportError:
                package = _zstandard(path, ImportError)
                return package.ZstdCompressor().stream_writer(file, closefd=False)  # type: ignore[no-any-return]
            return zstd.ZstdFile(file, "wb")  # type: ignore[no-any-return]
    return contextlib.nullcontext(file)


def _zstandard(path: str | os.PathLike[str], error: type[Exception]) -> Any:
    try:
        import zstandard
    except ImportError:
        install = "python -m pip install 'fastvec[zstd]'"
        raise error(f"{os.fspath(path)}: .zst files need a package: {install}") from None
    return zstandard
