"""Made-up stacks of instrumentations: up to three scopes report each call, nested or beside each other, and see it differently."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest

from otel_session_agg._model.span import Kind, Usage
from otel_session_agg._trace.verdicts import calls_of
from tests.support.folding import Row, folded
from tests.support.verdicts import call_totals, report, used

_SEES = ("all", "all", "all", "no cache", "nothing", "unsure output", "an estimate")
"""What a scope states of each call; the first three make a stack likelier in which one knows it all."""
_PARTS = 4
_SEEDS = 500


class _Call(NamedTuple):
    """What really happened, milliseconds."""

    prompt: int
    completion: int
    cached: int
    start: int
    end: int


class _Stack(NamedTuple):
    calls: list[_Call]
    rows: list[Row]


def _calls(random: Random) -> list[_Call]:
    is_parallel, calls, clock = random.random() < 0.5, [], 0
    for _ in range(random.randint(1, 5)):
        cached = random.choice([0, 0, random.randint(1, 500)])
        start = random.randint(0, 40) if is_parallel else clock + random.randint(1, 30)
        clock = start + random.randint(30, 400)
        calls.append(_Call(cached + random.randint(20, 2000), random.randint(9, 900), cached, start, clock))
    return calls


def _usage(call: _Call, sees: str, random: Random) -> Usage | None:
    cached = call.cached or None
    if sees == "nothing":
        return None
    if sees == "no cache":
        return used(call.prompt - call.cached, call.completion)
    if sees == "an estimate":
        return used(1, 6)
    return used(call.prompt, call.completion if sees == "all" else random.choice([1, call.completion + 1]), cached)


def _stack(seed: int) -> _Stack:
    """Calls below an agent, which may state their sum, and a report of each by every scope, the outermost first."""
    random = Random(seed)  # noqa: S311 -- a repeatable choice
    calls, is_nested = _calls(random), random.random() < 0.5
    scopes = {scope: (random.choice(_SEES), random.random() < 0.4) for scope in random.sample("abc", random.randint(1, 3))}
    if all(sees != "all" for sees, _ in scopes.values()):
        scopes["d"] = ("all", False)
    total = used(sum(call.prompt for call in calls), sum(call.completion for call in calls))
    rows = [report(2, 1, random.choice([None, total]), kind=Kind.AGENT, times=(0, 10_000), scope="agent")]
    for call in calls:
        parent_id = 2
        for depth, (scope, (sees, has_id)) in enumerate(scopes.items()):
            times = (call.start + depth, call.end - depth if is_nested else call.end + depth)
            span_id = len(rows) + 2
            response_id = f"r{call.start}-{call.prompt}" if has_id else None
            rows.append(
                report(
                    span_id,
                    parent_id,
                    _usage(call, sees, random),
                    times=times,
                    scope=scope,
                    response_id=response_id,
                    unsure_output=sees == "unsure output",
                    unsure_usage=sees == "an estimate",
                )
            )
            parent_id = span_id if is_nested else parent_id
    return _Stack(calls, rows)


class TestStacks:
    """Stacks in which some scope knows all of each call."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_truth(self, part: int) -> None:
        """Each call counts once, with all that is known of it, whatever ends first."""
        wrong = []
        for seed in range(part, _SEEDS * _PARTS, _PARTS):
            calls, rows = _stack(seed)
            totals = call_totals(calls_of(Random(seed).sample(rows, len(rows))))  # noqa: S311 -- a repeatable choice
            got = (totals.num_models, totals.prompt_tokens, totals.completion_tokens, totals.cache_read_tokens)
            if got != (len(calls), *(sum(column) for column in list(zip(*calls, strict=True))[:3])):
                wrong.append(seed)
        assert [] == wrong

    @pytest.mark.parametrize("seed", range(100))
    def test_engine(self, seed: int) -> None:
        """So it does in the engine, in order of time and in any other."""
        calls, rows = _stack(seed)
        order = Random(seed).sample(range(len(rows)), len(rows))  # noqa: S311 -- a repeatable choice
        for totals in (folded(rows), folded(rows, order), folded(rows, order, is_asked=True)):
            expected = (len(calls), sum(call.prompt for call in calls), sum(call.completion for call in calls))
            assert expected == (totals.model_events, totals.prompt_tokens, totals.completion_tokens)
