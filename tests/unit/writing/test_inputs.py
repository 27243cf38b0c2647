"""What a trace was asked first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import session
from otel_session_agg._model.span import SpanData
from otel_session_agg._reading.span import read
from otel_session_agg._writing.inputs import MAX_CHARS, MAX_REMEMBERED, Inputs
from tests.support.apps import App, below


def span(start_ns: int = 1, end_ns: int = 9, trace_id: int = 1, span_id: int = 1, **attributes: Any) -> SpanData:
    """An ended span."""
    named = {name.replace("_", ".", 1): value for name, value in attributes.items()}
    return SpanData("s", trace_id, span_id, None, "INTERNAL", "", "", start_ns, end_ns, named)


class TestInputs:
    """The first input of a trace."""

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("How are you?", "How are you?"),
            ('[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]', "Hi"),
            ('[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]', "c"),
            ('[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]', "Hi"),
            ('{"messages": [{"role": "human", "content": "Hi"}]}', "Hi"),
            ('{"question": "x"}', '{"question": "x"}'),
            ("{not json", "{not json"),
            ("", None),
            ("[" * 50_000, "[" * 100),
            ("x" * 200_000, "x" * 100),
        ],
    )
    def test_text(self, raw: str, expected: str | None) -> None:
        """Of messages it is the last one of a user, else the text itself, cut to its length."""
        inputs = Inputs(100)
        inputs.note(span(input_value=raw))
        assert expected == inputs.of(1)

    def test_first(self) -> None:
        """The span that began first counts, in whatever order they end, and for each trace its own."""
        inputs = Inputs(100)
        for start_ns, text in ((5, "later"), (2, "first"), (7, "last")):
            inputs.note(span(start_ns, span_id=start_ns, input_value=text))
        inputs.note(span(1, trace_id=2, input_value="other"))
        assert ("first", "other", None) == (inputs.of(1), inputs.of(2), inputs.of(3))

    def test_since(self) -> None:
        """What began before a root is not its own."""
        inputs = Inputs(100)
        inputs.note(span(5, input_value="above"))
        assert ("above", None) == (inputs.of(1, 5), inputs.of(1, 6))

    def test_bounded(self) -> None:
        """The oldest traces are forgotten."""
        inputs = Inputs(100)
        for trace_id in range(1, 3 * MAX_REMEMBERED):
            inputs.note(span(trace_id=trace_id, input_value="x"))
        assert inputs.of(1) is None
        assert inputs.of(3 * MAX_REMEMBERED - 1) == "x"

    def test_bounded_chars(self) -> None:
        """However long they are, all together have few characters, and dropped ones have none."""
        inputs = Inputs(100)
        for trace_id in range(1, 200):
            inputs.note(span(trace_id=trace_id, input_value="x" * 99_999))
        kept = [trace_id for trace_id in range(1, 200) if inputs.raw(trace_id) is not None]
        assert list(range(200 - MAX_CHARS // 99_999, 200)) == kept
        for trace_id in kept:
            inputs.drop(trace_id)
        assert 0 == inputs._num_chars

    def test_off(self) -> None:
        """Where none is shown, spans are read as ever."""
        assert Inputs(0).noting(read) is read
        assert Inputs(1).noting(read)(span(input_value="x")) == read(span(input_value="x"))

    @given(st.text() | st.integers() | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
    def test_never_raises(self, value: Any) -> None:
        """Whatever is there; what comes out can be sent."""
        inputs = Inputs(10)
        for raw in (value, json.dumps(value), json.dumps([{"role": "user", "content": value}])):
            inputs.note(span(input_value=raw))
            assert len((inputs.of(1) or "").encode()) <= 40


class TestProfile:
    """The profile ``phoenix``."""

    @pytest.mark.parametrize("live", [False, True])
    def test_shown(self, live: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- of the table
        """A root says what the first call below it was asked, and keeps what it says itself; a record says it of the first trace."""
        app = make(profiles=("default", "phoenix"), live=live)
        with session("s", end_on_exit=True):
            for name, own in (("first", {}), ("second", {"input.value": "mine"})):
                root = app.tracer.start_span(name, attributes=own)
                app.call(below(root), **{"gen_ai.input.messages": json.dumps([{"role": "user", "content": f"asked {name}"}])})
                root.end()
        app.flush()
        names = ("first", "second") if live else ("first", "second", "session")
        expected = ["asked first", "mine", "asked first"][: len(names)]
        assert expected == [app.attributes(name)["input.value"] for name in names]

    @pytest.mark.parametrize("settings", [{"profiles": ("default", "phoenix"), "outputs": False}, {}])
    def test_not_shown(self, settings: dict[str, Any], make: Callable[..., App]) -> None:
        """Not with outputs switched off, nor without the profile."""
        app = make(**settings)
        app.trace(1, **{"gen_ai.input.messages": "secret"})
        app.flush()
        assert "input.value" not in app.attributes("request")
