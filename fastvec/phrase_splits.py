"""How a joined text may be taken apart again."""

from collections.abc import Callable, Collection, Iterator


def has_border(text: str) -> bool:
    """Return whether a part of `text` both begins and ends it, so that two of it may overlap; or it is empty."""
    return not text or any(text.startswith(text[i:]) for i in range(1, len(text)))


def all_splits(
    text: str, delimiter: str, connectors: Collection[str], known: Callable[[str], object]
) -> Iterator[tuple[str, list[str], str]]:
    """Yield each way of reading `text` as two `known` words that are no connectors, with connectors in between."""
    some = [word + delimiter for word in connectors if word + delimiter in text]
    start = text.find(delimiter, 1)  # a phrase does not begin with an empty word
    while start >= 0:
        if text[:start] not in connectors and known(text[:start]):
            todo: list[tuple[int, list[str]]] = [(start + len(delimiter), [])]
            while todo:
                at, between = todo.pop()
                if text[at:] not in connectors and known(text[at:]):
                    yield text[:start], between, text[at:]
                for word in some:
                    if text.startswith(word, at):
                        todo.append((at + len(word), [*between, word.removesuffix(delimiter)]))
        start = text.find(delimiter, start + 1)
