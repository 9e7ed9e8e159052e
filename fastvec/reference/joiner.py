"""Plain twin of `_core._joiner`: joining phrases in text and in sentences."""

from itertools import pairwise
from typing import Any

import numpy as np

from fastvec.reference.phrases import Bytes, Counts, Ids


class Joiner:
    """Joins phrases. See `_core._joiner.Joiner`."""

    def __init__(
        self, text: Bytes, offsets: Counts, delimiter: Any, connectors: list[bytes], splits: Ids | None = None
    ) -> None:
        if splits is not None and splits.shape != (len(offsets) - 1, 2):
            raise ValueError(f"splits: {splits.shape} for {len(offsets) - 1} phrases")
        self._delimiter, self._connectors = bytes(delimiter), frozenset(connectors)
        self._split = splits is not None
        self._phrases: dict[tuple[bytes, int, int], int] = {}
        lengths = [(0, 0)] * (len(offsets) - 1) if splits is None else splits.tolist()
        for i, (a, b) in enumerate(pairwise(offsets.tolist())):
            self._phrases.setdefault((text[a:b].tobytes(), *lengths[i]), i)

    def _match(self, begun: list[bytes], word: bytes) -> int:
        lengths = (len(begun[0]), len(word)) if self._split else (0, 0)
        return self._phrases.get((self._delimiter.join([*begun, word]), *lengths), -1)

    def _segments(self, words: list[bytes], last: bool) -> tuple[list[int], list[int], int]:
        """The answer of `segments`, and the number of words that are left where the sentence goes on."""
        stops: list[int] = []
        phrases: list[int] = []
        begun: list[bytes] = []

        def leave(first: int, n: int) -> None:
            stops.extend(range(first + 1, first + n + 1))
            phrases.extend([-1] * n)

        for i, word in enumerate(words):
            if word in self._connectors:
                if begun:
                    begun.append(word)
                else:
                    leave(i, 1)
                continue
            phrase = self._match(begun, word) if begun else -1
            if phrase >= 0:
                stops.append(i + 1)
                phrases.append(phrase)
            else:
                leave(i - len(begun), len(begun))
            begun = [word] if phrase < 0 and word else []
        if last:
            leave(len(words) - len(begun), len(begun))
        return stops, phrases, 0 if last else len(begun)

    def join(self, data: Any, begun: bool = False, last: bool = True) -> tuple[Bytes, int, bool]:
        names = {i: text for (text, _, _), i in self._phrases.items()}
        out, stop = bytearray(), len(data)
        lines = bytes(data).split(b"\n")
        for number, line in enumerate(lines):
            words, whole = line.split(), last or number < len(lines) - 1
            stops, phrases, left = self._segments(words, whole)
            for end, phrase in zip(stops, phrases, strict=True):
                out += b" " * begun + (words[end - 1] if phrase < 0 else names[phrase])
                begun = True
            if left:
                stop = len(data) - len(line.split(None, len(words) - left)[-1])
            if number < len(lines) - 1:
                out += b"\n"
                begun = False
        return np.frombuffer(bytes(out), np.uint8), stop, begun

    def segments(self, words: list[str]) -> tuple[list[int], list[int]]:
        return self._segments([str.encode(word) for word in words], True)[:2]

    def joined(self, words: list[str], texts: list[str]) -> list[str]:
        found = zip(*self.segments(words), strict=True)
        return [words[stop - 1] if phrase < 0 else texts[phrase] for stop, phrase in found]
