"""The sessions of ``demo --serve``: the same each time, over two weeks, with an incident."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import pytest

from otel_session_agg import Sessions, replay
from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import read_rules
from otel_session_agg._cli.demo.sessions_data import INCIDENT_SERVICE, SERVICES
from otel_session_agg._cli.demo.sessions_history import incident_day, live_sessions, past_sessions, write_history
from otel_session_agg._cli.demo.sessions_page import DIMENSIONS, RULES
from otel_session_agg._cli.demo.sessions_spans import Span
from otel_session_agg._settings import Settings

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=timezone.utc)
NUM_SESSIONS = 400


def moment(nanoseconds: int) -> datetime:
    """A time in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc)


@pytest.fixture(scope="module")
def made() -> list[list[Span]]:
    """Spans by session."""
    return list(past_sessions(NOW, NUM_SESSIONS))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """What they come to."""
    path = tmp_path_factory.mktemp("demo") / "spans.jsonl"
    write_history(path, NOW, NUM_SESSIONS)
    with replay(path, settings=Settings(dimensions=DIMENSIONS)) as sessions:
        yield sessions


def rows(sessions: Sessions, *keys: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Groups by their keys."""
    return {tuple(str(row[key]) for key in keys): row for row in sessions.group_by(*keys)}


class TestSpans:
    """What is made."""

    def test_same(self, made: list[list[Span]]) -> None:
        """By nothing but the clock do they differ."""
        later = past_sessions(NOW + timedelta(weeks=1), NUM_SESSIONS)
        assert [len(spans) for spans in made] == [len(spans) for spans in later]
        assert made[7] == next(islice(past_sessions(NOW, NUM_SESSIONS), 7, None))

    def test_times(self, made: list[list[Span]]) -> None:
        """All are over, none is older than two weeks, and each day has some."""
        starts = [moment(spans[0].start_ns) for spans in made]
        assert NOW >= max(moment(span.end_ns) for span in chain.from_iterable(made))
        assert NOW - timedelta(days=14, hours=1) < min(starts)
        assert {(NOW - timedelta(days=number)).date() for number in range(14)} <= {start.date() for start in starts}

    def test_nested(self, made: list[list[Span]]) -> None:
        """A trace has one root, within which all others are, and ids are there once."""
        spans = list(chain(chain.from_iterable(made), chain.from_iterable(islice(live_sessions(lambda: 10**18), 50))))
        assert len(spans) == len({span.span_id for span in spans})
        by_id = {span.span_id: span for span in spans}
        for span in spans:
            if span.parent_id:
                parent = by_id[span.parent_id]
                assert parent.trace_id == span.trace_id
                assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns
        assert len({span.trace_id for span in spans}) == sum(not span.parent_id for span in spans)

    def test_live(self) -> None:
        """They begin when they are asked for."""
        [first, second] = islice(live_sessions(lambda: 10**18), 2)
        assert {10**18} == {first[0].start_ns, second[0].start_ns}
        assert ["live-0001"] == list({span.attributes["gen_ai.conversation.id"] for span in first})


class TestTotals:
    """What they come to."""

    def test_everything(self, made: list[list[Span]], counted: Sessions) -> None:
        """Nothing of the file is passed over, and tokens are those of the spans."""
        assert [] == list(counted.problems)
        found = list(counted)
        assert NUM_SESSIONS + 1 == len(found)
        names = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
        stated = sum(span.attributes.get(name, 0) for span in chain.from_iterable(made) for name in names)
        assert stated == sum(row["tokens"] for row in found)
        assert {True, False} == {row["feedback"] for row in found}
        assert {row["traces"] for row in found} >= {1, 2, 3, 4}

    def test_segments(self, counted: Sessions) -> None:
        """Services, versions and tenants are dimensions."""
        versions = {(service.name, version) for service in SERVICES for _, version in service.versions}
        assert versions == rows(counted, "service.name", "service.version").keys()
        assert {("north",), ("south",), ("west",)} == rows(counted, "tenant.id").keys()

    def test_models(self, counted: Sessions) -> None:
        """All but one have a price."""
        models = rows(counted, "model")
        assert {("house-reviewer-7b",)} == {name for name, row in models.items() if row["cost"] is None}
        assert 0 < models["house-reviewer-7b",]["unpriced"]

    def test_incident(self, counted: Sessions) -> None:
        """On one day, one service costs, fails and takes more than on any other."""
        days = {day: row for (day, name), row in rows(counted, "day", "service.name").items() if name == INCIDENT_SERVICE}
        bad = days.pop(incident_day(NOW))
        for name, times in (("cost", Decimal(4)), ("tokens", 2), ("errors", 4)):
            assert bad[name] / bad["sessions"] > times * max(row[name] / row["sessions"] for row in days.values())

    def test_alerts(self, counted: Sessions) -> None:
        """Rules of each kind fire, others are quiet."""
        rules = read_rules(RULES)
        engine = AlertEngine(rules, lambda: nullcontext(counted), clock=NOW.timestamp)
        try:
            assert engine.check(60)
            assert engine.problem is None
            fired = {one["rule"] for one in engine.fired(1000)}
        finally:
            engine.close(20)
        assert {"session", "aggregate", "drift", "anomaly"} == {rules.rules[name].kind for name in fired}
        assert rules.rules.keys() > fired
