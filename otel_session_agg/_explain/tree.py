"""Put spans into the order in which a tree of them is read, whatever their parents are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from otel_session_agg._explain.counted import SpanKey


class Link(NamedTuple):
    """A span among others: its parent, and what it is sorted by."""

    key: SpanKey
    parent: SpanKey | None
    start_ns: int


class Branch(NamedTuple):
    """A place in the tree."""

    key: SpanKey
    parent: SpanKey | None
    """The span above it, if it is there."""
    depth: int
    lasts: tuple[bool, ...]
    """For the span and those above it, from the top: whether it is the last below its parent.

    At most ``MAX_DEPTH`` of them.
    """


MAX_DEPTH = 12
"""Levels that are shown; deeper spans stand at the last one."""


def branches(links: Iterable[Link]) -> Iterator[Branch]:
    """Yield all spans, each after its parent, those of one parent by their start.

    A span whose parent is not there is at the top, and so is the first one of a ring.
    """
    by_key = {link.key: link for link in links}
    below: dict[SpanKey | None, list[Link]] = {}
    for link in by_key.values():
        parent = link.parent if link.parent in by_key else None
        below.setdefault(parent, []).append(link)
    for siblings in below.values():
        siblings.sort(key=_order)
    done: set[SpanKey] = set()
    yield from _from(below.get(None, []), below, done)
    for link in sorted(by_key.values(), key=_order):  # rings
        if link.key not in done:
            yield from _from([link], below, done)


def _from(
    tops: list[Link], below: Mapping[SpanKey | None, list[Link]], done: set[SpanKey]
) -> Iterator[Branch]:
    stack: list[tuple[Link, int, tuple[bool, ...]]] = [(link, 0, ()) for link in reversed(tops)]
    while stack:
        link, depth, lasts = stack.pop()
        if link.key in done:
            continue
        done.add(link.key)
        parent = link.parent if depth else None
        yield Branch(link.key, parent, depth, lasts)
        children = [child for child in below.get(link.key, ()) if child.key not in done]
        for place, child in enumerate(reversed(children)):
            above = (*lasts, place == 0)[:MAX_DEPTH]
            stack.append((child, depth + 1, above))


def _order(link: Link) -> tuple[int, SpanKey]:
    return link.start_ns, link.key
