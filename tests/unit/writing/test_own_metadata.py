"""Totals in the metadata that a root has already."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import session
from otel_session_agg._writing.own_metadata import with_totals
from tests.support.apps import CALL, App

_WRITTEN: dict[str, Any] = {"metadata.cost": 0.5, "metadata.models": ("a", "b"), "metadata.plan": "pro", "outputs": "x"}
_OWN = {"thread_id": "t1", "deep": {"a": [1, None]}, "cost": "high", "plan": "free"}
_BOTH = {"thread_id": "t1", "deep": {"a": [1, None]}, "cost": 0.5, "plan": "free", "models": ["a", "b"]}


class TestWithTotals:
    """One object of both."""

    def test_json(self) -> None:
        """Totals replace what has their names, the application's own stays, and nothing else is written there."""
        merged = with_totals(json.dumps(_OWN), _WRITTEN)
        assert isinstance(merged, str)
        assert _BOTH == json.loads(merged)

    def test_mapping(self) -> None:
        """An attribute may be an object itself."""
        assert {**_BOTH, "models": ("a", "b")} == with_totals(_OWN, _WRITTEN)

    @pytest.mark.parametrize(
        "own",
        ["", "plain", "[1]", "7", "null", "{", '{"a": 1', "{" + " " * 100_000 + "}", '{"a":' * 50_000, None, 7, ("a",), True],
    )
    def test_no_object(self, own: object) -> None:
        """What is no object, or longer than any, stays as it is."""
        assert with_totals(own, _WRITTEN) is None

    def test_nothing_written(self) -> None:
        """Where the totals have other names, it stays as it is, too."""
        assert with_totals('{"a": 1}', {"ai_session_num_events": 1}) is None

    def test_unknown_cost(self) -> None:
        """A cost that is not written is not there."""
        assert {"a": 1, "num_events": 2} == with_totals({"a": 1, "cost": 7}, {"metadata.num_events": 2})

    def test_again(self) -> None:
        """Totals that are written again replace those before."""
        once = with_totals('{"a": 1}', {"metadata.num_events": 1})
        assert {"a": 1, "num_events": 2} == json.loads(str(with_totals(once, {"metadata.num_events": 2})))

    @given(st.text() | st.binary() | st.dictionaries(st.text(st.characters(), max_size=3), st.text(st.characters(), max_size=3)))
    def test_never_raises(self, own: object) -> None:
        """Whatever is there; what comes out can be sent."""
        for value in (own, json.dumps(own) if isinstance(own, dict) else own):
            merged = with_totals(value, _WRITTEN)
            assert not isinstance(merged, str) or merged.encode()


class TestRoots:
    """Roots that have an attribute ``metadata``."""

    @pytest.mark.parametrize("live", [False, True])
    def test_both(self, live: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- of the table
        """Totals are in it as well as beside it."""
        app = make(live=live)
        with session("s", metadata={"plan": "pro"}, end_on_exit=True):
            app.trace(2, metadata=json.dumps({"thread_id": "t1"}))
        app.flush()
        found = app.attributes("request")
        assert 40.0 == found["metadata.cost"]
        own = json.loads(found["metadata"])
        assert ("t1", 40.0, 30, "trace", "pro") == tuple(
            own[name] for name in ("thread_id", "cost", "total_tokens", "rollup", "plan")
        )

    def test_changed_by_hand(self, make: Callable[..., App]) -> None:
        """What the application writes there later stays, with the totals of then."""
        app = make(live=True)
        with app.tracer.start_as_current_span("request", attributes={"metadata": '{"a": 1}'}) as root:
            app.call()
            root.set_attribute("metadata", '{"b": 2}')
            app.call()
        own = json.loads(app.attributes("request")["metadata"])
        assert (None, 2, 2) == (own.get("a"), own["b"], own["num_events"])

    def test_not_cut(self, make: Callable[..., App]) -> None:
        """Where an open root's attributes may not be so long, it stays whole rather than being cut."""
        app = make(live=True)
        limits = SpanLimits(max_span_attribute_length=30)
        provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
        provider.add_span_processor(app.processor)
        provider.add_span_processor(SimpleSpanProcessor(app.exporter))
        tracer = provider.get_tracer("tests")
        with tracer.start_as_current_span("request", attributes={"metadata": '{"thread_id": "t1"}'}):
            tracer.start_span("chat", attributes=CALL).end()
        assert '{"thread_id": "t1"}' == app.attributes("request")["metadata"]

    def test_reserved_beside(self, app: App) -> None:
        """What was set by hand beside it and is replaced is not put in it."""
        app.trace(1, metadata='{"a": 1}', **{"metadata.num_traces": 7})
        app.flush()
        assert "num_traces" not in json.loads(app.attributes("request")["metadata"])

    def test_text(self, app: App) -> None:
        """A text that is no object stays as it is."""
        app.trace(1, metadata="plain")
        app.flush()
        assert "plain" == app.attributes("request")["metadata"]
