"""The session record as a value: what it says of itself."""

from __future__ import annotations

import json
from math import nan

from otel_session_agg import Rollup, SessionRecord
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, Member, SessionTotals
from otel_session_agg._model.turns import Turn
from tests.unit.ground.test_formatting import HOSTILE

ROLLUP = Rollup(
    num_events=3,
    num_model_events=2,
    num_computed=2,
    cost_pusd=663_000_000,
    prompt_tokens=3500,
    completion_tokens=230,
    total_tokens=3730,
    start_ns=1_000_000_000,
    end_ns=1_415_000_000,
    models=frozenset({"b", "a"}),
    output=At(9, 1, "secret words"),
    session=At(1, 1, "chat-7"),
)
RECORD = SessionRecord(
    "chat-7",
    2,
    "idle",
    SessionTotals(
        rollup=ROLLUP,
        num_open=1,
        traces=frozenset({5, 6}),
        members=(Member(1, 5, 7),),
        num_roots=2,
        root_ns=830_000_000,
        user=At(1, 0, "ada"),
        metadata={"plan": Labelled(1, "pro"), "share": Labelled(1, nan)},
        dearest_turn=Turn(500_000_000, 5, 3000),
        first_input=At(1, 1, "why?"),
        dimensions={"user.id": Dimension(1, 7, "bob"), "service.name": Dimension(1, 7, "shop")},
    ),
)


class TestToDict:
    """The record as plain values."""

    def test_values(self) -> None:
        """Everything stands in it with its unit in the name, next to the totals; JSON takes all of it."""
        found = RECORD.to_dict()
        assert ROLLUP.to_dict().items() <= found.items()
        more = {name: value for name, value in found.items() if name not in ROLLUP.to_dict()}
        assert {
            "revision": 2,
            "end_reason": "idle",
            "user_id": "ada",
            "metadata": {"plan": "pro", "share": None},
            "dimensions": {"user.id": "ada", "service.name": "shop"},
            "num_traces": 2,
            "num_turns": 2,
            "first_input": "why?",
            "average_turn_cost_usd": ROLLUP.cost_pusd / 2e12,
            "average_turn_tokens": 1865.0,
            "dearest_turn": {"cost_usd": 0.0005, "total_tokens": 3000, "trace_id": f"{5:032x}"},
            "num_unsampled_traces": 0,
            "average_trace_latency_ms": 415.0,
            "is_partial": True,
            "partial_reason": "open_traces",
            "is_budget_exceeded": False,
            "members": [{"trace_id": f"{5:032x}", "span_id": f"{7:016x}"}],
        } == more
        assert found == json.loads(json.dumps(found, allow_nan=False))

    def test_session_id(self) -> None:
        """The id is the record's, also when no span names it."""
        assert "x" == SessionRecord("x", 1, "idle", SessionTotals()).to_dict()["session_id"]


class TestRepresentation:
    """The record for people."""

    def test_line(self) -> None:
        """A line says what it is about, without what users wrote."""
        assert (
            "<SessionRecord session chat-7, revision 2, ended by idle, user ada, metadata.plan pro, metadata.service.name shop,"
            " metadata.share nan, traces 2, average trace latency 415 ms, is partial (open_traces), 0.000663 USD (computed), 3730 tokens (3500 prompt, 230 completion),"
            " 3 events, 2 model calls, 415 ms, models a, b>"
        ) == repr(RECORD)

    def test_html(self) -> None:
        """A notebook shows a table, the last output, too."""
        html = RECORD._repr_html_()
        assert html.startswith("<table><caption>SessionRecord</caption>")
        assert "secret words" in html

    def test_hostile(self) -> None:
        """Nothing that others wrote is markup or moves a cursor."""
        labels = {HOSTILE: Labelled(1, HOSTILE)}
        dimensions = {HOSTILE: Dimension(1, 1, HOSTILE)}
        totals = SessionTotals(user=At(1, 0, HOSTILE), metadata=labels, dimensions=dimensions)
        record = SessionRecord(HOSTILE, 1, "idle", totals)
        assert repr(record).isprintable()
        assert "<script>" not in record._repr_html_()
