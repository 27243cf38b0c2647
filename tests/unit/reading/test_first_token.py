"""The time to the first token of a model call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_session_agg._model.span import Kind, SpanData, SpanEvent
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.first_token import EVENTS, TOLERANCE_NS
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._first_token_rows import INSTANT, MILLISECONDS, NANOSECONDS, SECONDS, FirstToken

START = 1_795_321_012_067_000_000
"""2026-11-22T04:16:52.067Z."""
SECOND = 10**9
CALL = {"openinference.span.kind": "LLM"}
KEY = "gen_ai.response.time_to_first_chunk"
AT = "langfuse.observation.completion_start_time"


def first_token(attributes: dict[str, Any], *events: SpanEvent, scope: str = "", seconds: float = 2.0) -> int | None:
    """What a call of some seconds states."""
    end = START + round(seconds * SECOND)
    span = SpanData("n", 1, 1, 2, "CLIENT", scope, "", START, end, {**CALL, **attributes}, events)
    return reading.read(span).first_token_ns


class TestRows:
    """Each row of each table."""

    @pytest.mark.parametrize("row", [row for table in CONVENTIONS for row in table.first_tokens], ids=lambda row: row.key)
    def test_row(self, row: FirstToken) -> None:
        """A quarter of a second is read in the row's unit, as a number and as text."""
        at: dict[int, object] = {
            SECONDS: 0.25,
            MILLISECONDS: 250,
            NANOSECONDS: 250_000_000,
            INSTANT: "2026-11-22T04:16:52.317Z",
        }
        values: list[object] = [at[row.unit], str(at[row.unit])]
        if row.whole is not None:
            values.append(at[row.whole])
        if row.member:
            values = [json.dumps({row.member: value}) for value in values]
        scope = row.scopes[0] if row.scopes else ""
        assert [250_000_000] * len(values) == [first_token({row.key: value}, scope=scope) for value in values]

    @pytest.mark.parametrize("name", sorted(EVENTS))
    def test_event(self, name: str) -> None:
        """The first event of the name counts."""
        events = [SpanEvent("other", {}, START + 1), *(SpanEvent(name, {}, START + n * SECOND // 4) for n in (1, 2))]
        assert SECOND // 4 == first_token({}, *events)

    def test_units_by_scope(self) -> None:
        """Strands writes milliseconds where OpenLIT writes seconds."""
        key = "gen_ai.server.time_to_first_token"
        assert 5_000_000 == first_token({key: 5}, scope="strands.telemetry.tracer", seconds=10)
        assert 5 * SECOND == first_token({key: 5}, seconds=10)

    def test_order(self) -> None:
        """A key beats an event, and an earlier row a later one."""
        event = SpanEvent("First Token Stream Event", {}, START + 1)
        assert SECOND == first_token({"gen_ai.server.time_to_first_token": 0.5, KEY: 1.0}, event)
        assert SECOND // 2 == first_token({"gen_ai.server.time_to_first_token": 0.5, KEY: -1.0}, event)
        assert 1 == first_token({KEY: "soon"}, event)


class TestValues:
    """What a value states."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0),
            (0.0, 0),
            (1, SECOND),
            (2.0, 2 * SECOND),
            ("0.5", SECOND // 2),
            ('"0.5"', SECOND // 2),
            ("1e-1", SECOND // 10),
            (2 + 5e-3, 2 * SECOND + 5_000_000),  # the clocks differ
            (2 + 2e-2, None),
            (-0.1, None),
            (-1, None),
            (True, None),
            (None, None),
            (float("nan"), None),
            (float("inf"), None),
            (10**400, None),
            ("9" * 41, None),
            ("", None),
            ("soon", None),
            ("1_0", None),
            ("nan", None),
            ((0.5,), None),
            ([0.5], None),
            (b"1", None),
            ({}, None),
        ],
    )
    def test_duration(self, value: object, expected: int | None) -> None:
        """It is a time within the call, or nothing."""
        assert expected == first_token({KEY: value})

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("2026-11-22T04:16:53.067000Z", SECOND),
            ('"2026-11-22T04:16:53.067Z"', SECOND),
            ("2026-11-22T05:16:53.067+01:00", SECOND),
            ("2026-11-22T04:16:53.067", SECOND),
            ("2026-11-22 04:16:53.067", SECOND),
            ("2026-11-22T04:16:53.067000123Z", SECOND),
            ("2026-11-22T04:16:53.5Z", SECOND + 433_000_000),
            ("2026-11-22T04:16:53Z", SECOND - 67_000_000),
            (START + SECOND, SECOND),
            ((START + SECOND) // 10**3, SECOND),
            ((START + SECOND) // 10**6, SECOND),
            (str((START + SECOND) // 10**6), SECOND),
            (START / SECOND + 1, SECOND),
            ("2026-11-22T04:16:52Z", None),
            ("2026-11-22T04:16:55Z", None),
            ("2026-11-22", None),
            ("9999-12-31T23:59:59-23:59", None),
            ("2026-13-45T99:00:00Z", None),
            ("." * 40, None),
            ("2026-11-22T04:16:53." + "1" * 100, None),
            (0, None),
            (-1.0, None),
            (True, None),
        ],
    )
    def test_instant(self, value: object, expected: int | None) -> None:
        """It is the time from the start, whatever the time was written in."""
        found = first_token({AT: value})
        assert expected == (None if found is None else round(found, -4))

    @pytest.mark.parametrize(
        "value", ["", "{", "[1]", "1", 5, None, {"first_token_at": "x"}, '{"first_token_at": null}', "{" * 10**6, '{"a": {}}']
    )
    def test_no_member(self, value: object) -> None:
        """A text that is no such object states nothing."""
        assert first_token({"langwatch.timestamps": value}) is None

    def test_member(self) -> None:
        """An object is read as such, too."""
        assert SECOND == first_token({"langwatch.timestamps": {"first_token_at": (START + SECOND) // 10**6}})

    @pytest.mark.parametrize("time_ns", [0, START - 1, START + 2 * SECOND + TOLERANCE_NS + 1, -1, 2**80])
    def test_events(self, time_ns: int) -> None:
        """An event before or after the call, or without a time, states nothing."""
        assert first_token({}, SpanEvent("First Token Stream Event", {}, time_ns)) is None

    def test_only_calls(self) -> None:
        """Only model calls have it."""
        event = SpanEvent("First Token Stream Event", {}, START + 1)
        for kind in ("AGENT", "EMBEDDING", "TOOL", "CHAIN"):
            found = reading.read(
                SpanData("n", 1, 1, 2, "", "", "", START, START + 9, {"openinference.span.kind": kind, KEY: 0}, (event,))
            )
            assert found.kind is not Kind.MODEL
            assert found.first_token_ns is None
