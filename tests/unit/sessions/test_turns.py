"""The turns of a session: how many, what the first was asked, and what the dearest has used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_session_agg import SessionRecord, end_session
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.turns import Turn, dearest, turn_of
from otel_session_agg.stores import MemoryStore
from tests.support.apps import App, below, beyond

pytestmark = pytest.mark.oldest_sdk


def _asked(text: str) -> dict[str, str]:
    return {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])}


def _turn(app: App, text: str | None = None, *, calls: int = 1) -> int:
    """One turn with so many calls; returns its trace id."""
    root = app.tracer.start_span("request", attributes={"session.id": "s"})
    for _ in range(calls):
        app.call(below(root), **(_asked(text) if text is not None else {}))
    root.end()
    app.turn()
    return root.get_span_context().trace_id


def _record(app: App) -> SessionRecord:
    end_session("s")
    app.flush()
    app.turn()
    return app.records[-1]


class TestTurns:
    """What a record says of turns."""

    def test_figures(self, make: Callable[..., App]) -> None:
        """Number, average and the dearest, with its trace id."""
        app = make()
        trace_ids = [_turn(app, calls=calls) for calls in (1, 3, 2)]
        record = _record(app)
        assert (3, 40.0, 30.0) == (record.num_turns, record.average_turn_cost_usd, record.average_turn_tokens)
        assert Turn(60 * 10**12, trace_ids[1], 45) == record.dearest_turn
        assert 60.0 == record.dearest_turn.cost_usd
        assert {"cost_usd": 60.0, "total_tokens": 45, "trace_id": f"{trace_ids[1]:032x}"} == record.to_dict()["dearest_turn"]

    def test_late(self, make: Callable[..., App]) -> None:
        """A call that ends after its root corrects its turn upwards."""
        app = make(linger_seconds=1)
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        late = app.tracer.start_span("agent", below(root))
        app.call(below(root))
        root.end()
        app.turn(2)
        other = _turn(app, calls=2)
        assert Turn(40 * 10**12, other, 30) == _record(app).dearest_turn
        app.call(below(late))
        app.call(below(late))
        late.end()
        app.turn(2)
        assert Turn(60 * 10**12, root.get_span_context().trace_id, 45) == _record(app).dearest_turn

    def test_parts(self, make: Callable[..., App]) -> None:
        """A part of a trace is no turn of its own, and is in that of its root."""
        app = make()
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        part = app.tracer.start_span("part", beyond(root))
        app.call(below(part))
        part.end()
        root.end()
        app.turn()
        record = _record(app)
        assert (1, Turn(20 * 10**12, root.get_span_context().trace_id, 15)) == (record.num_turns, record.dearest_turn)

    def test_parts_elsewhere(self, make: Callable[..., App]) -> None:
        """So it is in another process with the same store."""
        store = MemoryStore()
        front, back = (make(quiet=False, store=store) for _ in range(2))
        root = front.tracer.start_span("request", attributes={"session.id": "s"})
        part = back.tracer.start_span("part", beyond(root))
        back.call(below(part))
        part.end()
        back.flush()
        root.end()
        front.flush()
        end_session("s")
        for app in (front, back):
            app.flush()
        [record] = [*front.records, *back.records]
        assert (1, Turn(20 * 10**12, root.get_span_context().trace_id, 15)) == (record.num_turns, record.dearest_turn)

    def test_unknown(self, make: Callable[..., App]) -> None:
        """Where no price is known there is neither an average cost nor a dearest turn."""
        app = make(session_records=True)
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        app.call(below(root), **{"gen_ai.request.model": "nobody knows"})
        root.end()
        record = _record(app)
        assert (1, None, None, 15.0) == (
            record.num_turns,
            record.average_turn_cost_usd,
            record.dearest_turn,
            record.average_turn_tokens,
        )
        assert not {"metadata.average_turn_cost", "metadata.dearest_turn_cost"} & app.attributes("session").keys()

    def test_no_turn(self) -> None:
        """Without turns nothing is averaged."""
        record = SessionRecord("s", 1, "idle", SessionTotals(Rollup(total_tokens=1, num_computed=1, cost_pusd=1)))
        assert (0, None, None) == (record.num_turns, record.average_turn_cost_usd, record.average_turn_tokens)


class TestDearest:
    """``dearest``."""

    def test_ties(self) -> None:
        """Of equal costs the larger trace id decides, then the tokens, in both orders."""
        for a, b in (
            (Turn(1, 2, None), Turn(1, 1, 5)),
            (Turn(1, 2, 0), Turn(1, 2, None)),
            (Turn(2, 1, None), Turn(1, 2, 5)),
        ):
            assert a == dearest(a, b) == dearest(b, a) == dearest(a, None) == dearest(None, a)

    def test_nothing_priced(self) -> None:
        """A trace of whose cost nothing is known is none."""
        assert turn_of(1, Rollup(num_unpriced_events=1, total_tokens=5)) is None


class TestTexts:
    """The first input and the last output."""

    def test_first_and_last(self, make: Callable[..., App]) -> None:
        """The input is that of the first turn, as text, the output that of the last."""
        app = make(session_records=True)
        for number in (1, 2):
            root = app.tracer.start_span("request", attributes={"session.id": "s"})
            app.call(below(root), **_asked(f"ask {number}"), **{"output.value": f"say {number}"})
            root.end()
            app.turn()
        record = _record(app)
        assert ("ask 1", "say 2") == (record.first_input, record.last_output)
        assert ("ask 1", "say 2") == tuple(app.attributes("session")[name] for name in ("metadata.first_input", "outputs"))
        assert not any("input" in name and name.startswith("metadata") for name in app.named("request")[0].attributes or {})

    def test_order(self, make: Callable[..., App]) -> None:
        """The first is what began first, also when it ends last, and when it is late."""
        app = make(linger_seconds=1)
        roots = [app.tracer.start_span("request", attributes={"session.id": "s"}, start_time=number * 1000) for number in (1, 2)]
        late = app.tracer.start_span("chat", below(roots[0]), start_time=1500, attributes=_asked("ask 1"))
        for number, root in reversed([*enumerate(roots, 1)]):
            if number == 2:
                app.tracer.start_span("chat", below(root), start_time=2500, attributes=_asked("ask 2")).end()
            root.end()
            app.turn(2)
        assert "ask 2" == _record(app).first_input
        late.end()
        app.turn()
        assert "ask 1" == _record(app).first_input

    def test_cut(self, make: Callable[..., App]) -> None:
        """It has its length."""
        app = make(max_output_chars=5)
        _turn(app, "x" * 100)
        assert "xxxxx" == _record(app).first_input

    def test_off(self, make: Callable[..., App]) -> None:
        """Not with outputs switched off."""
        app = make(outputs=False, session_records=True)
        _turn(app, "secret")
        record = _record(app)
        assert (None, None) == (record.first_input, record.last_output)
        assert "metadata.first_input" not in app.attributes("session")

    @pytest.mark.parametrize("is_stored", [True, False])
    def test_store(self, make: Callable[..., App], tmp_path: Path, is_stored: bool) -> None:  # noqa: FBT001
        """In a store that processes share it is only with ``store_outputs``."""
        app = make(quiet=False, store=f"sqlite:///{tmp_path / 'sessions.db'}", store_outputs=is_stored)
        _turn(app, "secret")
        app.flush()
        end_session("s")
        app.flush()
        assert ["secret" if is_stored else None] == [record.first_input for record in app.records]
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert is_stored == (b"secret" in written)

    def test_dropped(self, make: Callable[..., App]) -> None:
        """When a root has left, its input is not kept any more."""
        app = make()
        for _ in range(20):
            _turn(app, "x" * 100)
        inputs = app.span_worker.pipeline._root_writer.inputs
        assert ({}, 0) == (inputs._first, inputs._num_chars)
