"""What totals are made of, as attributes of roots and records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import Span, SpanLimits, TracerProvider

from otel_session_agg import Rollup, Settings
from otel_session_agg import attributes as n
from otel_session_agg._model.breakdown import MAX_NAME_CHARS, NO_ROWS, NONE, OTHER, Breakdown, BreakdownRow
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._reading.dimensions import NONE as NO_DIMENSIONS
from otel_session_agg._sessions.released_root import NO_LABELS, ReleasedRoot
from otel_session_agg._trace.trace import Trace
from otel_session_agg._writing.detail_attributes import Texts, detail_attributes, rows_text
from otel_session_agg._writing.live_writer import LiveWriter
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.rollup_attributes import record_attributes
from otel_session_agg._writing.root_writer import RootWriter
from otel_session_agg.testing import make_span
from tests.support.details import BREAKDOWNS, DETAILED, DETAILS

_START, _END = 1_790_000_000_124_000_000, 1_790_000_002_000_000_000
_ROLLUP = Rollup(start_ns=_START, end_ns=_END, details=DETAILED)
_MODELS: dict[str, dict[str, Any]] = {
    "gpt-4o-mini": {
        "calls": 2, "cost": 0.000663, "prompt_tokens": 80, "completion_tokens": 15, "total_tokens": 95,
        "cache_read_tokens": 30, "duration": 1000.0,
    },
    "larger": {
        "calls": 2, "errors": 1, "unpriced": 2, "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25,
        "cache_write_tokens": 10, "reasoning_tokens": 5, "duration": 500.25,
    },
}  # fmt: skip
_HOSTILE = (
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", 'a"b\\c', "\x00\x1b[2J\r\n", "a\ud800", "a\udc00", "\u202eabc", "né\U0001f600",
    "x" * 10_000, "x" * 10_001, "__proto__", "", " ", "other ", "NaN",
)  # fmt: skip
_ROWS = st.tuples(st.integers(0, 9), st.integers(0, 10**9), st.integers(0, 10**12)).map(
    lambda row: BreakdownRow(
        num_calls=row[0], total_tokens=row[1], cost_pusd=row[1], num_priced=int(row[1] > 0), duration_ns=row[2]
    )
)

_ANY_ROWS = st.tuples(*[st.integers(0, 3)] * len(BreakdownRow._fields)).map(BreakdownRow._make)


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(constant)


def _parsed(text: object) -> dict[str, dict[str, Any]]:
    """The rows of a text; a name that is there twice, or a number that JSON does not have, is an error."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)

    assert isinstance(text, str)
    text.encode()  # an exporter can send it
    found = json.loads(text, parse_constant=_refuse, object_pairs_hook=unique)
    assert isinstance(found, dict)
    return found


def _sums(rows: dict[str, dict[str, Any]]) -> Counter[str]:
    """The sums over rows; money in picodollars, time in nanoseconds."""
    units = {"cost": 10**12, "duration": 10**6}
    total: Counter[str] = Counter()
    for row in rows.values():
        total.update({name: round(value * units[name]) if name in units else value for name, value in row.items()})
    return total


class TestRowsText:
    """Rows as JSON."""

    def test_names_and_units(self) -> None:
        """Short names, USD and milliseconds, nothing that is 0, and no cost that is not known."""
        assert _MODELS == _parsed(rows_text(DETAILED.by_model.items()))

    def test_compact(self) -> None:
        """No blanks, in the order of the rows."""
        rows = Breakdown({"b": BreakdownRow(1), OTHER: BreakdownRow(3), NONE: BreakdownRow(4), "a": BreakdownRow(2)})
        expected = '{"a":{"calls":2,"duration":0.0},"b":{"calls":1,"duration":0.0},'
        expected += '"none":{"calls":4,"duration":0.0},"other":{"calls":3,"duration":0.0}}'
        assert expected == rows_text(rows.items())

    def test_no_rows(self) -> None:
        """Nothing is written of nothing, nor where nothing has a name and that says nothing."""
        only_none = Breakdown({NONE: BreakdownRow(1)})
        assert None is rows_text(NO_ROWS.items())
        assert None is rows_text(only_none.items(), is_none_shown=False)
        assert '{"none":{"calls":1,"duration":0.0}}' == rows_text(only_none.items())

    def test_free(self) -> None:
        """A cost that is known to be 0 is written, one that is not known is not."""
        rows = Breakdown({"free": BreakdownRow(1, num_priced=1), "unknown": BreakdownRow(1, num_unpriced=1)})
        assert {"free": 0.0, "unknown": None} == {name: row.get("cost") for name, row in _parsed(rows_text(rows.items())).items()}

    def test_hostile_names(self) -> None:
        """Whatever the names, it is JSON that can be sent, with each name once, and the rows add up."""
        rows = Breakdown({name: BreakdownRow(2**number) for number, name in enumerate(_HOSTILE)})
        found = _parsed(rows_text(rows.items()))
        assert 2 ** len(_HOSTILE) - 1 == _sums(found)["calls"]
        assert {"a?", "né\U0001f600", "<script>alert(1)</script>"} < found.keys()
        assert MAX_NAME_CHARS == max(map(len, found))

    @given(st.dictionaries(st.text(max_size=3), _ROWS, max_size=20))
    def test_any(self, rows: dict[str, BreakdownRow]) -> None:
        """Law: the rows that are written add up to those that are there."""
        breakdown = Breakdown(rows)
        text = rows_text(breakdown.items())
        found, total = _sums(_parsed(text)) if text else Counter(), breakdown.total
        assert (total.num_calls, total.total_tokens, total.duration_ns) == (
            found["calls"], found["total_tokens"], found["duration"],
        )  # fmt: skip
        assert found["cost"] == total.cost_pusd

    @given(BREAKDOWNS, BREAKDOWNS)
    def test_again(self, before: Breakdown, rows: Breakdown) -> None:
        """Texts that are kept are those of the same figures."""
        texts: Texts = {}
        rows_text(before.items(), texts)
        assert rows_text(rows.items()) == rows_text(rows.items(), texts)

    @given(_ANY_ROWS)
    def test_members(self, row: BreakdownRow) -> None:
        """The members of a row are those that are not 0, in this order, beside calls and duration."""
        text = rows_text(Breakdown({"a": row}).items())
        names = {
            "calls": True, "cost": row.num_priced, "errors": row.num_errors, "unpriced": row.num_unpriced,
            "prompt_tokens": row.prompt_tokens, "completion_tokens": row.completion_tokens, "total_tokens": row.total_tokens,
            "cache_read_tokens": row.cache_read_tokens, "cache_write_tokens": row.cache_write_tokens,
            "reasoning_tokens": row.reasoning_tokens, "duration": True,
        }  # fmt: skip
        if any(row):
            [found] = _parsed(text).values()
            assert [name for name, is_there in names.items() if is_there] == [*found]
            wanted = (row.num_calls, row.cost_usd if row.num_priced else None, row.duration_ms)
            assert wanted == (found["calls"], found.get("cost"), found["duration"])


class TestDetailAttributes:
    """What is written on roots and records."""

    def test_record(self) -> None:
        """Everything has its name, type and unit."""
        found = detail_attributes(_ROLLUP, is_record=True)
        rows = {name: found.pop(name) for name in (*n.BREAKDOWNS, "metadata.by_tenant")}
        assert ["acme", "none"] == list(_parsed(rows["metadata.by_tenant"]))
        assert _MODELS == _parsed(rows["metadata.by_model"])
        assert ["planner", "none"] == list(_parsed(rows["metadata.by_agent"]))
        assert {"calls": 2, "errors": 1, "duration": 150.0} == _parsed(rows["metadata.by_tool"])["search"]
        assert {
            "metadata.model_duration": 1200.0,
            "metadata.tool_duration": 100.0,
            "metadata.busy_duration": 1600.0,
            "metadata.idle_duration": 276.0,
            "metadata.longest_gap": 200.0,
            "metadata.time_to_first_token": 120.0,
            "metadata.time_to_first_response": 120.0,
            "metadata.durations_exact": False,
        } == {name: value for name, value in found.items() if "latency" not in name}
        for name, ms in ((n.MODEL_LATENCY_P50, 500.0), (n.MODEL_LATENCY_P95, 1000.0), (n.MODEL_LATENCY_P99, 1000.0)):
            assert found[name] == pytest.approx(ms, rel=0.01)

    def test_nothing(self) -> None:
        """Nothing is written when the details are empty, or switched off."""
        assert {} == detail_attributes(Rollup())
        assert {} == detail_attributes(Rollup(details=Details()), is_record=True)
        assert not [name for name in record_attributes(SessionRecord("s", 1, "idle", SessionTotals())) if "duration" in name]

    def test_only_on_records(self) -> None:
        """A root has no percentiles of one call, and no idle time when all of its time was busy."""
        busy = Coverage.of([(0, 10**9)])
        rollup = Rollup(start_ns=0, end_ns=10**9, details=Details(busy_time=busy, latencies=Latencies.of([10**9])))
        assert {} == detail_attributes(rollup)
        found = detail_attributes(rollup, is_record=True)
        assert (1000.0, 0.0) == (found["metadata.busy_duration"], found["metadata.idle_duration"])
        assert "metadata.longest_gap" not in found
        assert found["metadata.model_latency_p99"] == pytest.approx(1000.0, rel=0.01)

    def test_root_with_a_gap(self) -> None:
        """Where nothing ran for a time, a root says so."""
        found = detail_attributes(_ROLLUP)
        assert (1600.0, 276.0, 200.0) == tuple(
            found[f"metadata.{name}"] for name in ("busy_duration", "idle_duration", "longest_gap")
        )

    def test_agents_and_tools_without_names(self) -> None:
        """Agents and tools are written only where one has a name, models always."""
        nameless = Breakdown({NONE: BreakdownRow(1)})
        rollup = Rollup(details=Details(by_model=nameless, by_agent=nameless, by_tool=nameless))
        assert {"metadata.by_model": '{"none":{"calls":1,"duration":0.0}}'} == detail_attributes(rollup)

    @given(DETAILS, st.booleans())
    def test_any(self, details: Details, is_record: bool) -> None:  # noqa: FBT001 -- drawn
        """Whatever the details, the names are reserved, texts are JSON, and the rest are finite numbers."""
        rollup = Rollup(start_ns=0, end_ns=100, details=details)
        for name, value in detail_attributes(rollup, is_record=is_record).items():
            assert name in n.RESERVED or name.startswith(n.BY_DIMENSION_PREFIX)
            if name.startswith(n.BY_DIMENSION_PREFIX):
                _parsed(value)
            elif name != n.DURATIONS_EXACT:
                assert isinstance(value, float)
                assert 0 <= value < float("inf")


class TestOnSpans:
    """Roots that leave, and session records."""

    def _root(self, rollup: Rollup, **attributes: Any) -> dict[str, Any]:
        writer = RootWriter(Naming(Settings()))
        ready = ReleasedRoot(Trace(1, 1), None, rollup, None)
        return dict(writer.root(ready, rollup, make_span("request", attributes=attributes)).attributes or {})

    def test_root(self) -> None:
        """A root has them beside its totals, in place of what was set by hand."""
        found = self._root(_ROLLUP, **{n.BY_MODEL: "mine", "own": 1})
        assert detail_attributes(_ROLLUP).items() <= found.items()
        assert 1 == found["own"]

    def test_in_metadata(self) -> None:
        """They are in OpenInference's metadata of a root, too."""
        inside = json.loads(self._root(_ROLLUP, metadata='{"own": 1}')["metadata"])
        assert (1, 1200.0, _MODELS) == (inside["own"], inside["model_duration"], _parsed(inside["by_model"]))

    def test_record(self) -> None:
        """A record has them, and every text can be encoded."""
        rows = Breakdown(dict(zip(("a\ud800", "a\udc00"), (BreakdownRow(1), BreakdownRow(2)), strict=True)))
        record = SessionRecord("s", 1, "idle", SessionTotals(replace(_ROLLUP, details=replace(DETAILED, by_tool=rows))))
        found = record_attributes(record)
        assert {"calls": 3, "duration": 0.0} == _parsed(found["metadata.by_tool"])["a?"]
        assert 1600.0 == found["metadata.busy_duration"]


class TestLive:
    """Roots that are still open."""

    def _open(self, max_chars: int | None = None) -> Span:
        limits = SpanLimits(max_span_attribute_length=max_chars)
        provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
        root = provider.get_tracer("tests").start_span("request", start_time=_START)
        assert isinstance(root, Span)
        return root

    def _write(self, root: Span, *rollups: Rollup) -> list[dict[str, Any]]:
        """Write totals one after the other; return what the root had after each of them."""
        writer, trace, found = LiveWriter(RootWriter(Naming(Settings()))), Trace(1, 1), []
        for rollup in rollups:
            writer.write(trace, root, rollup, NO_LABELS, NO_DIMENSIONS, is_exceeded=False)
            found.append(dict(root.attributes or {}))
        return found

    def test_so_far(self) -> None:
        """The rows are complete each time, and add up to the totals beside them."""
        mini = Details(by_model=Breakdown({"gpt-4o-mini": DETAILED.by_model["gpt-4o-mini"]}))
        first, second = self._write(
            self._open(), Rollup(total_tokens=95, details=mini), Rollup(total_tokens=120, details=DETAILED)
        )
        assert [95, 120] == [_sums(_parsed(found[n.BY_MODEL]))["total_tokens"] for found in (first, second)]
        assert [95, 120] == [found["metadata.total_tokens"] for found in (first, second)]

    def test_start_of_the_root(self) -> None:
        """The first response is counted from the start of the root, which is not in the totals yet."""
        details = Details(first_answer_ns=_START + 3 * 10**9)
        (found,) = self._write(self._open(), Rollup(start_ns=_START + 2 * 10**9, end_ns=_END, details=details))
        assert 3000.0 == found["metadata.time_to_first_response"]

    def test_rows_that_are_gone(self) -> None:
        """Rows that a later span takes back are none, not what they were."""
        rollup = Rollup(details=DETAILED)
        found = self._write(self._open(), rollup, Rollup(details=replace(DETAILED, by_agent=NO_ROWS)), rollup)
        assert [True, False, True] == [bool(_parsed(one[n.BY_AGENT])) for one in found]

    def test_not_cut(self) -> None:
        """A text that is longer than the SDK allows is left out: its beginning would be no JSON."""
        (found,) = self._write(self._open(150), Rollup(details=DETAILED))
        assert n.BY_MODEL not in found
        assert all(len(value) <= 150 for value in found.values() if isinstance(value, str))
        assert 1200.0 == found["metadata.model_duration"]

    def test_not_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What has not changed is neither made nor written again."""
        root = self._open()
        written: list[dict[str, Any]] = []
        monkeypatch.setattr(root, "set_attributes", written.append)
        writer, trace, detailed = LiveWriter(RootWriter(Naming(Settings()))), Trace(1, 1), []
        for events in (1, 2):
            rollup = Rollup(num_events=events, details=replace(DETAILED))  # equal, not the same
            writer.write(trace, root, rollup, NO_LABELS, NO_DIMENSIONS, is_exceeded=False)
            root._attributes = {**(root._attributes or {}), **written[-1]}
            detailed.append(trace.written.detailed)
        assert {"metadata.num_events": 2} == written[1]
        assert detailed[0] is detailed[1]
