"""Counts that conventions, spellings or usage objects on one span contradict: which of them the other figures prove.

What is asked first holds, unless the figures disprove it and prove another.  They are, in this order: the uncached part; the
input of the provider's own usage object for the same output; the total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from otel_session_agg._reading.index import ReadingPlan
from otel_session_agg._reading.proofs import explained
from otel_session_agg._reading.stated import Stated
from otel_session_agg._values import count
from otel_session_agg.conventions._schema import Meaning

_SIDES = (Meaning.PROMPT, Meaning.COMPLETION)
_ROW = (*_SIDES, Meaning.EXCLUSIVE)
_CACHED = (Meaning.CACHE_READ, Meaning.CACHE_WRITE)


def best(stated: Stated, plan: ReadingPlan) -> Mapping[int, int]:
    """Return prompt, completion and total as chosen, unless the figures prove others.

    Where only other counts of the cached part make the figures agree, these are taken.
    """
    first = stated.chosen()
    if Meaning.UNCACHED in stated.parts:
        _settle_cached(stated, plan, first)
    if not _is_spelled_twice(stated, plan, first):
        return first
    for row in _others(stated, plan):
        if row.get(Meaning.PROMPT) is None or all(
            row.get(says) == first.get(says) for says in _SIDES
        ):
            continue
        total = None if _differ_by_cache(stated, row, first) else first.get(Meaning.TOTAL)
        if _verdict(stated, first, total) < 0 < _verdict(stated, row, total):
            return {**row, Meaning.TOTAL: first[Meaning.TOTAL]} if Meaning.TOTAL in first else row
    return first


def _is_spelled_twice(stated: Stated, plan: ReadingPlan, first: Mapping[int, int]) -> bool:
    """Whether something else than what is chosen may be stated of prompt or completion."""
    prompt, completion = first.get(Meaning.PROMPT), first.get(Meaning.COMPLETION)
    for row in stated.main.values():
        if row is not first and (
            row.get(Meaning.PROMPT, prompt) != prompt
            or row.get(Meaning.COMPLETION, completion) != completion
        ):
            return True
    for _, found in stated.texts:
        if found.get(Meaning.PROMPT, prompt) != prompt:
            return True
    for _, says_keys in plan.families:
        for _, keys in says_keys:
            if len(keys) > 1:
                return True
    return False


def _others(stated: Stated, plan: ReadingPlan) -> Iterator[Mapping[int, int]]:
    """Yield prompt and completion by all conventions, then by usage objects, then by other spellings of each."""
    for _, row in sorted(stated.main.items()):
        yield {says: row[says] for says in _ROW if says in row}
    for _, found in stated.texts:
        yield {says: found[says] for says in _ROW if says in found}
    for number, says_keys in plan.families:
        own = stated.main[number]
        spelled = {
            says: [count(stated.attributes[key]) for key in keys]
            for says, keys in says_keys
            if says in _SIDES
        }
        for position in range(1, max(map(len, spelled.values()), default=0)):
            other = {says: own[says] for says in _SIDES if says in own}
            for says, values in spelled.items():
                value = values[position] if position < len(values) else None
                if value is not None:
                    other[says] = value
            yield other


def _differ_by_cache(stated: Stated, row: Mapping[int, int], first: Mapping[int, int]) -> bool:
    """Whether one prompt has the cached part and the other does not: a total may have been made of either."""
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    difference = abs(row.get(Meaning.PROMPT, 0) - first.get(Meaning.PROMPT, 0))
    return difference > 0 and difference in {read, write, read + write}


def _verdict(stated: Stated, row: Mapping[int, int], total: int | None) -> int:
    """Whether figures prove (1) or disprove (-1) a row of prompt and completion, or neither (0)."""
    prompt, completion, uncached = (
        row.get(Meaning.PROMPT),
        row.get(Meaning.COMPLETION),
        stated.parts.get(Meaning.UNCACHED),
    )
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    if prompt is None:
        return 0
    if uncached is not None:
        return 1 if prompt in {uncached, uncached + read + write} else -1
    own = (
        stated.raw()[0]
        if completion in {found.get(Meaning.COMPLETION) for _, found in stated.texts}
        else None
    )
    if own is not None and prompt in {own, own + read + write}:
        return 1
    if own is not None and prompt == own + 2 * (
        read + write
    ):  # the cached part was added to an input that had it
        return -1
    if total is None or completion is None:
        return 0
    gap = total - prompt - completion
    reasoning, tools = (
        stated.parts.get(Meaning.REASONING) or 0,
        stated.parts.get(Meaning.TOOL_PROMPT) or 0,
    )
    if gap == 0 or explained(gap, (read, read + write), reasoning, tools, 0) is not None:
        return 1
    return -1 if gap < 0 else 0


def _settle_cached(stated: Stated, plan: ReadingPlan, first: Mapping[int, int]) -> None:
    """Take those spellings of what was read and written that make, with the uncached part, the prompt."""
    prompt, uncached = first.get(Meaning.PROMPT), stated.parts[Meaning.UNCACHED]
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    if prompt is None or prompt in {uncached, uncached + read + write}:
        return
    spelled = {says: [stated.parts.get(says)] for says in _CACHED}
    for says, keys in plan.parts:
        if says in spelled:
            spelled[says] += [count(stated.attributes[key]) for key in keys]
    for says, values in spelled.items():
        values += [found.get(says) for _, found in stated.texts]
    for pair in product(*(dict.fromkeys(values) for values in spelled.values())):
        if prompt == uncached + sum(value or 0 for value in pair):
            stated.parts.update(
                {
                    says: value
                    for says, value in zip(spelled, pair, strict=True)
                    if value is not None
                }
            )
            return
