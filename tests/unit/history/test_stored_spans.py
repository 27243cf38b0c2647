"""Spans come back as they were stored."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._model.span import SpanData, SpanEvent
from tests.support.histories import one_trace

_SPAN = SpanData(
    "chat \U0001f600", (7 << 64) + 1, 2**64 - 1, 3, "CLIENT", "scope", "1.2", 1, 2**63 - 1,
    {"text": "it's", "n": 2**63 - 1, "x": 0.1, "yes": True, "list": ["a", "b"], "deep": {"a": [1, {"b": None}]}},
    [SpanEvent("e", {"k": "v"}, 5), SpanEvent("", {})],
    failed=True, status_description="why", carried_parent_id=9, is_part=True, dropped_attributes=4,
)  # fmt: skip


def back(span: SpanData, resource: dict[str, Any]) -> list[tuple[SpanData, Any]]:
    """What comes back of a span that was stored with another trace."""
    facts, other = one_trace(1), one_trace(2)
    with History() as history:
        history.add(*facts[:3], [StoredSpan(span, resource, "s", "model")])
        history.add(*other)
        return list(history.stored_spans([span.trace_id]))


class TestStoredSpans:
    """``stored_spans``."""

    @pytest.mark.parametrize(
        "span", [_SPAN, _SPAN._replace(parent_id=None, carried_parent_id=None, events=[], attributes={}, status_description=None)]
    )
    def test_all_of_it(self, span: SpanData) -> None:
        """Every field is as it was."""
        assert [(span, {"service.name": "shop"})] == back(span, {"service.name": "shop"})

    def test_no_json(self) -> None:
        """What JSON does not know comes back as text, and takes nothing else along."""
        endless: list[Any] = []
        endless.append(endless)
        attributes = {"a": nan, "b": -inf, "c": b"\xff\0", "d": ["x"], "e": endless, "f": [nan], "g": 0.5}
        [(span, _)] = back(_SPAN._replace(attributes=attributes), {})
        assert {"a": "nan", "b": "-inf", "c": "\\xff\0", "d": ["x"], "e": None, "f": None, "g": 0.5} == span.attributes

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ({"a": nan, "b": 1}, {"a": "nan", "b": 1}),
            ({"a": "null", "b": None}, {"a": "null", "b": None}),
            ({"a": 1e22, "b": -0.0, "c": 10**30, "d": True}, {"a": 1e22, "b": -0.0, "c": 10**30, "d": True}),
            ({"a\x00\u2028": '"\x7f\\ \u00e9'}, {"a\x00\u2028": '"\x7f\\ \u00e9'}),
            ({"a": "half \ud83d", "b": 2}, {"a": "half ?", "b": 2}),
        ],
    )
    def test_plain_values(self, given: dict[str, Any], found: dict[str, Any]) -> None:
        """Plain values come back as they were, and what JSON or UTF-8 has not as text."""
        [(span, _)] = back(_SPAN._replace(attributes=given), {})
        assert repr(found) == repr(span.attributes)

    def test_damaged(self) -> None:
        """A span that cannot be read is an error that says so."""
        with History() as history:
            history.add(*one_trace(1))
            history._writer().execute("UPDATE spans SET events = '{}'")
            with pytest.raises(HistoryError, match="damaged: a span"):
                list(history.stored_spans([(7 << 64) + 1]))


class TestOthers:
    """What else is read of sessions."""

    def test_traces_of(self) -> None:
        """The traces of a session."""
        with History() as history:
            history.add(*one_trace(1, "s"))
            history.add(*one_trace(2, "s"))
            history.add(*one_trace(3, "other"))
            assert [(7 << 64) + 1, (7 << 64) + 2] == history.traces_of("s")
            assert [] == history.traces_of("unknown")
            assert history.session_totals("unknown") is None

    def test_sessions(self) -> None:
        """All sessions, while something else is read."""
        with History() as history:
            for number in range(5):
                history.add(*one_trace(number, f"s{number % 2}"))
            history.recount()
            found = {name: (totals.num_traces, history.rows("SELECT 1")) for name, totals in history.sessions()}
            assert {"s0": (3, [(1,)]), "s1": (2, [(1,)])} == found
