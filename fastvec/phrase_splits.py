"""How a joined text may be taken apart again."""

from collections.abc import Collection, Iterator


def has_border(text: str) -> bool:
    """Return whether a part of `text` both begins and ends it, so that two of it may overlap; or it is empty."""
    return not text or any(text.startswith(text[i:]) for i in range(1, len(text)))


def all_splits(
    text: str, delimiter: str, connectors: Collection[str]
) -> Iterator[tuple[str, list[str], str]]:
    """Yield each way of reading `text` as two words that are no connectors, with connectors in between."""
    starts: list[int] = []
    at = text.find(delimiter, 1)  # a phrase does not begin with an empty word
    while at >= 0:
        starts.append(at)
        at = text.find(delimiter, at + 1)
    some = [word for word in connectors if word + delimiter in text]
    for start in starts:
        if text[:start] in connectors:
            continue
        todo: list[tuple[int, list[str]]] = [(start + len(delimiter), [])]
        while todo:
            at, between = todo.pop()
            if text[at:] not in connectors:
                yield text[:start], between, text[at:]
            for word in some:
                if text.startswith(word + delimiter, at):
                    todo.append((at + len(word) + len(delimiter), [*between, word]))
