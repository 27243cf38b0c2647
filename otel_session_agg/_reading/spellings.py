"""Choose between contradicting counts of one span.

Conventions, spellings of one key, or usage objects may state different counts.  The first in order
of precedence holds, unless other counts disprove it and prove another one.  These are, in this
order: the uncached part; the prompt of the provider's own usage object for the same completion; the
total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from otel_session_agg._reading.included_parts import explained
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.stated import Stated
from otel_session_agg._untrusted.values import count
from otel_session_agg.conventions._schema import Meaning

_SIDES = (Meaning.PROMPT, Meaning.COMPLETION)
_ROW = (*_SIDES, Meaning.EXCLUSIVE)
_CACHED = (Meaning.CACHE_READ, Meaning.CACHE_WRITE)


def best(stated: Stated, plan: ReadingPlan) -> Mapping[int, int]:
    """Return prompt, completion and total in order of precedence, unless other counts are proved.

    Where only other counts of the cached part make all counts agree, take those.
    """
    first = stated.chosen()
    if Meaning.UNCACHED in stated.parts:
        _settle_cached(stated, plan, first)
    if not _is_spelled_twice(stated, plan, first):
        return first
    for row in _alternatives(stated, plan):
        if row.get(Meaning.PROMPT) is None:
            continue
        if all(row.get(meaning) == first.get(meaning) for meaning in _SIDES):
            continue
        total = None if _differ_by_cache(stated, row, first) else first.get(Meaning.TOTAL)
        if _verdict(stated, first, total) < 0 < _verdict(stated, row, total):
            return {**row, Meaning.TOTAL: first[Meaning.TOTAL]} if Meaning.TOTAL in first else row
    return first


def _is_spelled_twice(stated: Stated, plan: ReadingPlan, first: Mapping[int, int]) -> bool:
    """Return whether other counts of prompt or completion may be stated than the first."""
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
    for _, meaning_keys in plan.families:
        for _, keys in meaning_keys:
            if len(keys) > 1:
                return True
    return False


def _alternatives(stated: Stated, plan: ReadingPlan) -> Iterator[Mapping[int, int]]:
    """Yield prompt and completion by convention, then by usage object, then by other spelling."""
    for _, row in sorted(stated.main.items()):
        yield {meaning: row[meaning] for meaning in _ROW if meaning in row}
    for _, found in stated.texts:
        yield {meaning: found[meaning] for meaning in _ROW if meaning in found}
    for number, meaning_keys in plan.families:
        own = stated.main[number]
        spelled = {
            meaning: [count(stated.attributes[key]) for key in keys]
            for meaning, keys in meaning_keys
            if meaning in _SIDES
        }
        for position in range(1, max(map(len, spelled.values()), default=0)):
            other = {meaning: own[meaning] for meaning in _SIDES if meaning in own}
            for meaning, values in spelled.items():
                value = values[position] if position < len(values) else None
                if value is not None:
                    other[meaning] = value
            yield other


def _differ_by_cache(stated: Stated, row: Mapping[int, int], first: Mapping[int, int]) -> bool:
    """Return whether only one prompt includes the cached part: a total may be made of either."""
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    difference = abs(row.get(Meaning.PROMPT, 0) - first.get(Meaning.PROMPT, 0))
    return difference > 0 and difference in {read, write, read + write}


def _verdict(stated: Stated, row: Mapping[int, int], total: int | None) -> int:
    """Return 1 if other counts prove a row of prompt and completion, -1 if they disprove it."""
    prompt, completion = row.get(Meaning.PROMPT), row.get(Meaning.COMPLETION)
    uncached = stated.parts.get(Meaning.UNCACHED)
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    if prompt is None:
        return 0
    if uncached is not None:
        return 1 if prompt in {uncached, uncached + read + write} else -1
    own_completions = {found.get(Meaning.COMPLETION) for _, found in stated.texts}
    own = stated.raw()[0] if completion in own_completions else None
    if own is not None and prompt in {own, own + read + write}:
        return 1
    if own is not None and prompt == own + 2 * (read + write):  # the cached part was added twice
        return -1
    if total is None or completion is None:
        return 0
    gap = total - prompt - completion
    reasoning = stated.parts.get(Meaning.REASONING) or 0
    tools = stated.parts.get(Meaning.TOOL_PROMPT) or 0
    if gap == 0 or explained(gap, (read, read + write), reasoning, tools, 0) is not None:
        return 1
    return -1 if gap < 0 else 0


def _settle_cached(stated: Stated, plan: ReadingPlan, first: Mapping[int, int]) -> None:
    """Take those spellings of cache reads and writes that add up with the uncached part."""
    prompt, uncached = first.get(Meaning.PROMPT), stated.parts[Meaning.UNCACHED]
    read, write = stated.parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    if prompt is None or prompt in {uncached, uncached + read + write}:
        return
    spelled = {meaning: [stated.parts.get(meaning)] for meaning in _CACHED}
    for meaning, keys in plan.parts:
        if meaning in spelled:
            spelled[meaning] += [count(stated.attributes[key]) for key in keys]
    for meaning, values in spelled.items():
        values += [found.get(meaning) for _, found in stated.texts]
    for pair in product(*(dict.fromkeys(values) for values in spelled.values())):
        if prompt == uncached + sum(value or 0 for value in pair):
            found = zip(spelled, pair, strict=True)
            stated.parts.update({key: value for key, value in found if value is not None})
            return
