"""Which reports of calls count, by values: a test for each rule of the pass."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._model.span import Kind, Terms, Usage
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.duplicates import LOOK_BACK
from otel_session_agg._trace.resolve import resolve
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.tree import Mark, Place, Tree
from tests.support.folding import Row
from tests.support.verdicts import Sums, decided, report, sums, used

AGENT, CHAIN, EMBEDDING, GUARDRAIL, MODEL, RETRIEVER, SPAN, TOOL = (
    Kind.AGENT,
    Kind.CHAIN,
    Kind.EMBEDDING,
    Kind.GUARDRAIL,
    Kind.MODEL,
    Kind.RETRIEVER,
    Kind.SPAN,
    Kind.TOOL,
)
TIMES = [(0, 100), (10, 90), (20, 80), (30, 70)]
"""Each inside the one before."""


def fates(*rows: Row) -> dict[int, tuple[int | None, Rule | None]]:
    """To which span each report lost, and by which rule."""
    return {span_id: (one.lost_to, one.rule) for span_id, one in decided(*rows).items()}


class TestLeafWins:
    """Usage counts if and only if no usage below it does."""

    def test_sum_of_its_calls(self) -> None:
        """An agent's sum does not count beside the calls it is the sum of."""
        agent = report(2, 1, used(300, 30), kind=AGENT, times=(0, 100))
        calls = [report(3, 2, used(150, 15), times=(10, 20), scope="s"), report(4, 2, used(150, 15), times=(30, 40), scope="s")]
        assert Sums(2, 330, 330, 0, 2) == sums(agent, *calls)
        assert {2: (3, Rule.SUM), 3: (None, None), 4: (None, None)} == fates(agent, *calls)

    def test_sole_source(self) -> None:
        """An agent's usage counts when nothing below it states any."""
        assert Sums(0, 330, 330, 0, 1) == sums(report(2, 1, used(300, 30), kind=AGENT))

    @pytest.mark.parametrize("kind", [MODEL, AGENT])
    def test_child_that_ends_later(self, kind: Kind) -> None:
        """A span that ends before the call below it loses all the same."""
        outer = report(2, 1, used(300, 30), kind=kind, times=(0, 50))
        step = report(3, 2, kind=SPAN, times=(10, 90))
        assert Sums(1, 220, 220, 0, 1) == sums(outer, step, report(4, 3, used(200, 20), times=(20, 80)))

    def test_same_sum(self) -> None:
        """A container whose sum is that of its only call completes what the call states."""
        agent = report(2, 1, used(100, 10, 40), kind=AGENT, times=TIMES[0], provider="openai")
        call = report(3, 2, used(100, 10), times=TIMES[1])
        found = decided(agent, call)
        assert (3, Rule.LAYER, ("usage", "provider")) == (found[2].lost_to, found[2].rule, found[2].gave)
        assert used(100, 10, 40) == found[3].usage

    def test_sum_is_not_one_of_two(self) -> None:
        """A container that states more than its only call does not change that."""
        found = decided(report(2, 1, used(300, 30), kind=AGENT, times=TIMES[0]), report(3, 2, used(100, 10), times=TIMES[1]))
        assert (3, Rule.SUM, ()) == (found[2].lost_to, found[2].rule, found[2].gave)
        assert used(100, 10) == found[3].usage

    def test_silent_model_above_sums(self) -> None:
        """A model call without figures above several agents that state some stays an event, at no cost of its own."""
        agents = [report(n, 2, used(10, 1), kind=AGENT, times=(10 * n, 10 * n + 5), scope="s") for n in (3, 4)]
        assert Sums(1, 22, 22, 0, 2) == sums(report(2), *agents)
        assert (3, Rule.SUM) == fates(report(2), *agents)[2]


class TestWeak:
    """Usage of other kinds than model and embedding, and of a model server's own span."""

    def test_tool_below_a_call(self) -> None:
        """Usage of a tool loses against a model call above it."""
        outer, tool = report(2, 1, used(100, 10), times=TIMES[0]), report(3, 2, used(5, 5), kind=TOOL, times=TIMES[1])
        assert Sums(1, 110, 110, 0, 1) == sums(outer, tool)
        assert (2, Rule.WEAK) == fates(outer, tool)[3]

    def test_tool_above_a_call(self) -> None:
        """Usage of a tool loses against a model call below it."""
        tool, inner = report(2, 1, used(5, 5), kind=TOOL, times=TIMES[0]), report(3, 2, used(100, 10), times=TIMES[1])
        assert Sums(1, 110, 110, 0, 1) == sums(tool, inner)

    def test_tool_alone(self) -> None:
        """It counts when nobody else states any."""
        assert Sums(0, 10, 10, 0, 1) == sums(report(2, 1, used(5, 5), kind=TOOL))

    @pytest.mark.parametrize("end", [80, 150])
    def test_server_span(self, end: int) -> None:
        """A model server's span below the client's call loses, whichever ends first."""
        client = report(2, 1, used(100, 10), span_kind="CLIENT")
        server = report(3, 2, used(150, 10), span_kind="SERVER", times=(10, end))
        assert Sums(1, 110, 110, 0, 1) == sums(client, server)
        assert (2, Rule.WEAK) == fates(client, server)[3]

    def test_server_span_alone(self) -> None:
        """A model server's span counts when no client states usage."""
        agent = report(2, 1, used(9, 9), kind=AGENT, times=TIMES[0])
        assert Sums(1, 160, 160, 0, 1) == sums(agent, report(3, 2, used(150, 10), span_kind="SERVER", times=TIMES[1]))

    def test_events_of_a_sum(self) -> None:
        """Where an agent's figures lose, the model events that it states stay."""
        agent = report(3, 2, used(9, 9), kind=AGENT, times=TIMES[1], num_calls=2)
        found = decided(report(2, 1, used(100, 10), times=TIMES[0]), agent)
        assert (True, 2, None, 2, Rule.WEAK) == found[3][1:6]
        assert (True, 0) == found[2][1:3]


class TestOtherCalls:
    """Calls below a call that are no part of it."""

    @pytest.mark.parametrize("times", [TIMES[2], (20, 150)])
    def test_behind_a_tool(self, times: tuple[int, int]) -> None:
        """A call made by a tool inside a call is another call, whichever ends first."""
        rows = [
            report(2, 1, used(100, 10), times=TIMES[0], scope="s"),
            report(3, 2, kind=TOOL, times=TIMES[1]),
            report(4, 3, used(200, 20), times=times, scope="s"),
        ]
        assert Sums(2, 330, 330, 0, 2) == sums(*rows)

    def test_behind_a_tool_of_an_agent(self) -> None:
        """An agent's sum has the calls of its tools."""
        agent, tool = report(2, 1, used(200, 20), kind=AGENT, times=TIMES[0]), report(3, 2, kind=TOOL, times=TIMES[1])
        assert Sums(1, 220, 220, 0, 1) == sums(agent, tool, report(4, 3, used(200, 20), times=TIMES[2]))

    def test_sum_inside_a_tool(self) -> None:
        """A call stays behind a tool when an agent inside the tool states the same."""
        rows = [
            report(2, 1, used(100, 10), times=TIMES[0], scope="s"),
            report(3, 2, kind=TOOL, times=TIMES[1]),
            report(4, 3, used(200, 20), kind=AGENT, times=TIMES[2]),
            report(5, 4, used(200, 20), times=TIMES[3], scope="s"),
        ]
        assert Sums(2, 330, 330, 0, 2) == sums(*rows)

    def test_embedding(self) -> None:
        """An embedding inside a model call has its own tokens."""
        inner = report(3, 2, Usage(7, None, 7), kind=EMBEDDING, times=TIMES[1])
        assert Sums(1, 117, 117, 0, 2) == sums(report(2, 1, used(100, 10), times=TIMES[0]), inner)

    def test_embedding_wrapped(self) -> None:
        """A wrapper that calls itself a model repeats the embedding inside it."""
        inner = report(3, 2, Usage(7, None, 7), kind=EMBEDDING, times=TIMES[1])
        rows = [report(2, 1, Usage(7, 0, 7), times=TIMES[0]), inner]
        assert (7, 7) == sums(*rows)[1:3]
        assert (3, Rule.LAYER) == fates(*rows)[2]

    def test_fee(self) -> None:
        """A guardrail's cost is on top of that of the calls beside and above it."""
        guardrail = report(3, 2, kind=GUARDRAIL, times=TIMES[1], recorded_pusd=5)
        assert Sums(1, 110, 115, 0, 1) == sums(report(2, 1, used(100, 10), times=TIMES[0]), guardrail)
        agent = report(2, 1, used(100, 10), kind=AGENT, times=TIMES[0], recorded_pusd=50)
        assert Sums(0, 110, 55, 0, 1) == sums(agent, guardrail)


class TestEvents:
    """Model events, with or without figures."""

    def test_failed_attempts(self) -> None:
        """Failed attempts inside a call that succeeded are no events of their own."""
        rows = [
            report(2, 1, used(100, 10), times=TIMES[0]),
            report(3, 2, times=(10, 20), error="529"),
            report(4, 2, used(100, 10), times=(30, 40)),
        ]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert {2: (4, Rule.LAYER), 3: (2, Rule.ATTEMPT), 4: (None, None)} == fates(*rows)

    def test_failed_call(self) -> None:
        """A failed attempt inside a call that failed is one event, at no cost."""
        rows = [report(2, 1, times=TIMES[0], error="529"), report(3, 2, times=TIMES[1], error="529")]
        assert Sums(1, 0, 0, 0, 0) == sums(*rows)

    @pytest.mark.parametrize(
        "cut",
        [{"error": text} for text in ("GeneratorExit()", "asyncio.exceptions.CancelledError: stopped", "KeyboardInterrupt")]
        + [{"error": "the connection was lost", **begun} for begun in ({"first_token_ns": 3}, {"shows_answer": True})],
    )
    def test_cut_short(self, cut: Any) -> None:
        """A call that was answered in part, or that nobody waited for any more, is billed at a cost that is not known."""
        assert Sums(1, 0, 0, 1, 0) == sums(report(2, 1, **cut))
        assert Sums(1, 0, 0, 1, 0) == sums(report(2, 1, times=TIMES[0], **cut), report(3, 2, times=TIMES[1], **cut))
        assert Sums(1, 110, 110, 0, 1) == sums(report(2, 1, used(100, 10), **cut))
        tried_again = [report(2, 1, used(100, 10), times=TIMES[0]), report(3, 2, times=(10, 20), **cut)]
        assert Sums(1, 110, 110, 0, 1) == sums(*tried_again)
        assert Sums(1, 0, 0, 0, 0) == sums(report(2, 1, error="no GeneratorExit()"))

    def test_silent_layer(self) -> None:
        """A layer without figures inside one with figures is the same call."""
        rows = [report(2, 1, used(100, 10), times=TIMES[0], request_model="m"), report(3, 2, times=TIMES[1])]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        found = decided(*rows)
        assert (3, Rule.LAYER, ("usage", "request_models")) == (found[2].lost_to, found[2].rule, found[2].gave)

    def test_silent_layers(self) -> None:
        """Two layers without figures inside one with figures cost what it says."""
        inner = [report(n, 2, times=(10 * n, 10 * n + 5), scope="b") for n in (3, 4)]
        assert Sums(2, 110, 110, 0, 1) == sums(report(2, 1, used(100, 10)), *inner)

    def test_outer_event(self) -> None:
        """A model call without figures above several others is no event of its own."""
        inner = [report(n, 2, times=(10 * n, 10 * n + 5), scope="b") for n in (3, 4)]
        assert Sums(2, 0, 0, 2, 0) == sums(report(2), *inner)
        assert (3, Rule.EVENT) == fates(report(2), *inner)[2]

    @pytest.mark.parametrize("figures", [{"usage": Usage(7, None, 7)}, {"is_billed": True}])
    def test_below_an_embedding(self, figures: dict[str, Any]) -> None:
        """A span below an embedding that calls itself a model and states nothing is no event, and the embedding counts."""
        outer = report(2, 1, kind=EMBEDDING, times=TIMES[0], **figures)
        assert (0, 1) == (sums(outer, report(3, 2))[0], sum(sums(outer, report(3, 2))[3:]))
        assert (2, Rule.LAYER) == fates(outer, report(3, 2))[3]


class TestRecordedCosts:
    """Costs that emitters recorded."""

    @pytest.mark.parametrize("number", [1, 3])
    def test_of_a_container(self, number: int) -> None:
        """A container's recorded cost stands for its calls when none of them has one of its own."""
        agent = report(2, 1, used(9, 9), kind=AGENT, recorded_pusd=50)
        calls = [report(3 + n, 2, used(100, 10), times=(10 * n, 10 * n + 5), scope="s") for n in range(number)]
        assert Sums(number, 110 * number, 50, 0, number) == sums(agent, *calls)
        assert ("recorded_pusd",) == decided(agent, *calls)[2].gave

    def test_of_its_only_call(self) -> None:
        """It is named among what a container with the figures of its only call gave to that."""
        agent = report(2, 1, used(100, 10), kind=AGENT, times=TIMES[0], recorded_pusd=50, provider="openai")
        found = decided(agent, report(3, 2, used(100, 10), times=TIMES[1]))
        assert ("recorded_pusd", "provider") == found[2].gave

    def test_of_calls(self) -> None:
        """It does not count when a call below has its own."""
        agent = report(2, 1, kind=AGENT, times=TIMES[0], recorded_pusd=50)
        assert Sums(1, 110, 25, 0, 1) == sums(agent, report(3, 2, used(100, 10), times=TIMES[1], recorded_pusd=25))

    def test_without_tokens(self) -> None:
        """A recorded cost counts when nobody states tokens; of several the innermost does."""
        agent = report(2, 1, kind=AGENT, times=TIMES[0], recorded_pusd=50)
        step = report(3, 2, kind=SPAN, times=TIMES[1], recorded_pusd=25)
        assert Sums(0, 0, 50, 0, 0) == sums(agent)
        assert Sums(0, 0, 25, 0, 0) == sums(agent, step)
        assert (3, Rule.EVENT) == fates(agent, step)[2]


BILLED: dict[str, Any] = {"is_billed": True}


class TestSilent:
    """What was billed, states no figures and is no model event."""

    def test_nested(self) -> None:
        """Of two that nest, one counts."""
        rows = [report(2, 1, kind=EMBEDDING, times=TIMES[0], **BILLED), report(3, 2, kind=EMBEDDING, times=TIMES[1], **BILLED)]
        assert Sums(0, 0, 0, 1, 0) == sums(*rows)
        assert (3, Rule.LAYER) == fates(*rows)[2]

    def test_wrapper(self) -> None:
        """One above several stands for none of its own."""
        inner = [report(n, 2, kind=EMBEDDING, times=(10 * n, 10 * n + 5), scope="s", **BILLED) for n in (3, 4, 5)]
        outer = report(2, 1, kind=EMBEDDING, **BILLED)
        assert Sums(0, 0, 0, 3, 0) == sums(outer, *inner)
        assert (3, Rule.EVENT) == fates(outer, *inner)[2]

    @pytest.mark.parametrize("kind", [EMBEDDING, RETRIEVER, AGENT])
    def test_figures_below(self, kind: Kind) -> None:
        """One above a call with figures is that call, or made it."""
        assert Sums(1, 110, 110, 0, 1) == sums(report(2, 1, kind=kind, times=TIMES[0], **BILLED), report(3, 2, used(100, 10)))

    def test_included(self) -> None:
        """A verdict says where the figures are of a run below a sum."""
        rows = [report(2, 1, used(100, 10), kind=AGENT, times=TIMES[0]), report(3, 2, kind=AGENT, times=TIMES[1], **BILLED)]
        assert (True, 0, None, 2, Rule.INCLUDED) == decided(*rows)[3][1:6]

    def test_below_a_sum(self) -> None:
        """A sum above has the calls of agents, but no embedding."""
        agent = report(2, 1, used(100, 10), kind=AGENT, times=TIMES[0])
        assert Sums(0, 110, 110, 0, 1) == sums(agent, report(3, 2, kind=AGENT, times=TIMES[1], **BILLED))
        assert Sums(0, 110, 110, 1, 1) == sums(agent, report(3, 2, kind=EMBEDDING, times=TIMES[1], **BILLED))

    @pytest.mark.parametrize("times", [(20, 30), (20, 200)])
    def test_run(self, times: tuple[int, int]) -> None:
        """A run gives way to a call of another scope that begins in its time, whichever ends first."""
        rows = [report(2, 1, kind=AGENT, times=(10, 100), **BILLED), report(3, 1, used(100, 10), times=times)]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert (3, Rule.RUN) == fates(*rows)[2]

    def test_runs_of_one_call(self) -> None:
        """Two runs give way to the same call."""
        runs = [report(n, 1, kind=AGENT, times=(10 + n, 100 + n), scope="s", **BILLED) for n in (2, 3)]
        calls = [report(n, 1, used(100, 10), times=(20, 200 + n), scope="c") for n in (4, 5)]
        assert Sums(2, 220, 220, 0, 2) == sums(*runs, *calls)

    @pytest.mark.parametrize(
        ("scope", "times"), [("scope 2", (20, 30)), ("other", (0, 5)), ("other", (0, 30)), ("other", (101, 130))]
    )
    def test_other_run(self, scope: str, times: tuple[int, int]) -> None:
        """It does not to calls of its own scope, or at another time."""
        rows = [report(2, 1, kind=AGENT, times=(10, 100), **BILLED), report(3, 1, used(100, 10), times=times, scope=scope)]
        assert Sums(1, 110, 110, 1, 1) == sums(*rows)


class TestMisplaced:
    """Figures of a call that stand on a span above it."""

    @pytest.mark.parametrize("end", [90, 150])
    def test_other_call_below(self, end: int) -> None:
        """They are a call of their own beside the calls below that span, whichever ends first."""
        app = report(2, 1, used(100, 10), misplaced=True)
        assert Sums(2, 330, 330, 0, 2) == sums(app, report(3, 2, used(200, 20), times=(10, end)))

    @pytest.mark.parametrize("end", [90, 150])
    @pytest.mark.parametrize("usage", [used(100, 10), None])
    def test_their_call_below(self, usage: Usage | None, end: int) -> None:
        """They are the call below that states the same, or nothing."""
        rows = [report(2, 1, used(100, 10), misplaced=True), report(3, 2, usage, times=(10, end))]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert (3, Rule.MISPLACED) == fates(*rows)[2]

    def test_embedding(self) -> None:
        """Of an embedding, the silent span below is no model event."""
        rows = [report(2, 1, Usage(7, None, 7), kind=EMBEDDING, misplaced=True), report(3, 2)]
        assert Sums(0, 7, 7, 0, 1) == sums(*rows)


class TestResponse:
    """Reports with the same response id."""

    def test_same_figures(self) -> None:
        """They are one call, in one scope too."""
        rows = [report(n, 1, used(100, 10), scope="s", response_id="r", times=(n, n)) for n in (2, 3)]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert (2, Rule.RESPONSE) == fates(*rows)[3]

    def test_other_figures(self) -> None:
        """An id that repeats with other figures, as mock servers have it, is another call."""
        assert 2 == sums(*[report(n, 1, used(n, 10), scope="s", response_id="r") for n in (2, 3)]).winners

    def test_far_apart(self) -> None:
        """Reports of different scopes may be far apart, and of different kinds."""
        rows = [
            report(2, 1, used(100, 10), response_id="r", times=(0, 10)),
            report(3, 1, used(100, 10), kind=CHAIN, response_id="r", times=(9000, 9010)),
        ]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)

    def test_contradict_in_a_part(self) -> None:
        """Of two reports with the same input and output, the first one's cached part stands."""
        rows = [report(n, 1, used(100, 10, 20 * n), response_id="r", times=(n, 100 + n)) for n in (2, 3)]
        assert used(100, 10, 40) == decided(*rows)[2].usage

    def test_other_response(self) -> None:
        """Different ids are different calls, whatever else is the same."""
        assert 2 == sums(*[report(n, 1, used(100, 10), response_id=f"r{n}") for n in (2, 3)]).winners

    @pytest.mark.parametrize("times", [(900, 1000), (0, 1)])
    def test_learned_above(self, times: tuple[int, int]) -> None:
        """A call that has its id from the span above it is the same as another one with that id, later or earlier."""
        rows = [
            report(2, 1, response_id="r", times=(200, 250)),
            report(3, 2, used(100, 10), times=(201, 202)),
            report(4, 1, used(100, 10), response_id="r", times=times),
        ]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)

    def test_learned_of_what_is_below(self) -> None:
        """A sum sees the call that one below it turned out to be."""
        rows = [
            report(2, 1, response_id="r", times=(9, 30)),
            report(3, 2, times=(10, 20)),
            report(4, 5, times=(10, 21)),
            report(5, 1, used(100, 10), kind=AGENT, times=(8, 40)),
            report(6, 1, used(100, 10), response_id="r", times=(0, 5)),
        ]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert {2: 3, 3: 6, 4: 3, 5: 6, 6: None} == {span_id: lost_to for span_id, (lost_to, _) in fates(*rows).items()}

    @pytest.mark.parametrize("number", [3, 300])
    def test_repeated_for_ever(self, number: int) -> None:
        """Mocks that repeat one id have as many calls as there are different figures, told by two scopes each."""
        rows = [
            report(2 * n + layer, 1, used(n, 1), scope="ab"[layer], times=(10 * n, 10 * n + 5), response_id="r")
            for n in range(1, number)
            for layer in (0, 1)
        ]
        assert number - 1 == sums(*rows).winners


class TestBeside:
    """Reports of different scopes at one time."""

    def test_inside(self) -> None:
        """Two scopes that report one call side by side are one call."""
        rows = [report(2, 1, used(100, 10), times=TIMES[0]), report(3, 1, used(100, 10), times=TIMES[1])]
        assert Sums(1, 110, 110, 0, 1) == sums(*rows)
        assert (3, Rule.BESIDE) == fates(*rows)[2]

    @pytest.mark.parametrize(
        "more",
        [
            {"scope": "scope 2"},
            {"kind": EMBEDDING},
            {"response_model": "claude"},
            {"usage": used(100, 11)},
            {"times": (60, 160)},
        ],
        ids=["scope", "kind", "model", "figures", "time"],
    )
    def test_another_call(self, more: dict[str, Any]) -> None:
        """One scope never reports a call twice, and what contradicts is another call."""
        first = report(2, 1, None if "times" in more else used(100, 10), response_model="gpt-4o")
        other = report(3, 1, **{"usage": None if "times" in more else used(100, 1), "response_model": "gpt-4o", **more})
        assert {None} == {one.lost_to for one in decided(first, other).values()}

    @pytest.mark.parametrize(
        ("model", "other", "expected"),
        [
            ("gpt-4o", "gpt-4o-2024-08-06", 1),
            ("us.anthropic.claude-sonnet-4", "anthropic/claude-sonnet-4", 1),
            ("anthropic", "claude-sonnet-4", 1),
            ("gpt-4o", "claude-sonnet-4", 2),
        ],
    )
    def test_models(self, model: str, other: str, expected: int) -> None:
        """Names of models may have more before or behind; a maker alone is no model."""
        rows = [report(2, 1, used(100, 10), request_model=model), report(3, 1, request_model=other)]
        assert expected == sums(*rows).model_events

    def test_response_model(self) -> None:
        """Names of the response are kept beside those of the request."""
        rows = [report(2, 1, used(100, 10), times=TIMES[1], request_model="gpt-4o")]
        rows.append(report(3, 1, used(100, 10), times=TIMES[0], response_model="gpt-4o-2024-08-06"))
        assert ("response_models",) == decided(*rows)[3].gave

    def test_nobody_states_figures(self) -> None:
        """Two reports without figures are one call, whose cost is unknown unless one of them recorded it."""
        rows = [report(2, 1, times=TIMES[1], terms=Terms(batch="true")), report(3, 1, times=TIMES[0], server_address="host")]
        assert Sums(1, 0, 0, 1, 0) == sums(*rows)
        recorded = report(3, 1, times=TIMES[0], recorded_pusd=5, server_address="host")
        assert Sums(1, 0, 5, 0, 0) == sums(rows[0], recorded)
        assert ("recorded_pusd", "server_address") == decided(rows[0], recorded)[3].gave

    def test_one_of_each_scope(self) -> None:
        """A call takes one report of each scope: two of one scope at once are two calls."""
        rows = [report(n, 1, used(100, 10), scope=scope) for n, scope in enumerate("aabb", 2)]
        assert 2 == sums(*rows).winners

    @pytest.mark.parametrize(("apart_ms", "expected"), [(12, 1), (2000, 2), (7_200_000, 2)])
    @pytest.mark.parametrize("early", [2, 3])
    def test_ends_early(self, apart_ms: int, expected: int, early: int) -> None:
        """A span that ends when its stream begins is reported again within a moment, not hours later."""
        times = {2: (0, 10), 3: (10 + apart_ms, 20 + apart_ms)}
        rows = [report(n, 1, used(100, 10), times=times[n], ends_early=n == early) for n in (2, 3)]
        assert expected == sums(*rows).winners

    @pytest.mark.parametrize(("unit_ms", "expected"), [(1, 1), (10, 2)])
    def test_clock_of_milliseconds(self, unit_ms: int, expected: int) -> None:
        """Where spans begin at whole milliseconds, one may begin a little later than it should, but not much."""
        second = report(3, 1, times=(unit_ms, 5 * unit_ms))
        assert expected == sums(report(2, 1, times=(0, 4 * unit_ms)), second).model_events

    @pytest.mark.parametrize("order", [(2, 3), (3, 2)])
    def test_blind_to_the_cache(self, order: tuple[int, int]) -> None:
        """A report that leaves the cached part out of the input is of the same call; the fuller one stands."""
        told = {2: used(100, 10), 3: used(180, 10, 80)}
        rows = [report(n, 1, told[n], times=times) for n, times in zip(order, [(0, 100), (50, 200)], strict=True)]
        assert used(180, 10, 80) == decided(*rows)[order[0]].usage

    @pytest.mark.parametrize("order", [(2, 3), (3, 2)])
    def test_unsure_of_the_output(self, order: tuple[int, int]) -> None:
        """A report that is known not to know the output has it from another one, which has the cached part from it."""
        told = {2: report(2, 1, used(180, 90, 80), unsure_output=True), 3: report(3, 1, used(100, 40))}
        assert used(180, 40, 80) == next(one.usage for one in decided(*(told[n] for n in order)).values() if one.counts)

    def test_estimate(self) -> None:
        """An estimate gives way to figures of another report, and counts where there is none."""
        estimate = report(2, 1, used(1, 6), unsure_usage=True)
        assert Sums(1, 140, 140, 0, 1) == sums(estimate, report(3, 1, used(100, 40)))
        assert Sums(1, 7, 7, 0, 1) == sums(estimate)

    def test_terms(self) -> None:
        """What one report states about the price and the other does not is kept."""
        rows = [
            report(2, 1, used(100, 10), times=TIMES[1], terms=Terms(batch="true")),
            report(3, 1, used(100, 10), times=TIMES[0], terms=Terms(speed="fast"), service_tier="flex"),
        ]
        assert ("service_tier", "terms") == decided(*rows)[3].gave

    def test_taken_for_another_one(self) -> None:
        """Of two calls at once, the figures of one count once, although the report of the other could be of it."""
        rows = [
            report(2, 1, scope="a", times=(26, 29)),
            report(3, 1, used(100, 10), scope="a", times=(25, 30)),
            report(4, 1, scope="b", times=(1, 31)),
            report(5, 1, used(100, 10), scope="b", times=(0, 36)),
        ]
        assert Sums(2, 110, 110, 1, 1) == sums(*rows)
        assert 3 == decided(*rows)[5].lost_to

    @pytest.mark.parametrize("number", [3, 4 * LOOK_BACK])
    def test_many_at_once(self, number: int) -> None:
        """However many are made at once, with the same figures or not, each counts once."""
        same = [report(2 + n, 1, used(100, 10), scope="ab"[n % 2], times=(0, 1000)) for n in range(2 * number)]
        assert number == sums(*same).winners
        other = [report(2 + n, 1, used(100 + n // 2, n // 2), scope="ab"[n % 2], times=(0, 1000)) for n in range(2 * number)]
        assert number == sums(*other).winners


class TestTree:
    """Where calls are below each other."""

    @pytest.mark.parametrize("size", [1, 2, 5])
    def test_ring_of_calls(self, size: int) -> None:
        """In a ring of parents the call that began first is outermost."""
        rows = [report(2 + n, 2 + (n + 1) % size, used(100, 10), times=(n, 100)) for n in range(size)]
        assert 1 == sums(*rows).winners
        assert min(3, 1 + size) == next(one.span_id for one in decided(*rows).values() if one.counts)

    def test_ring_of_places(self) -> None:
        """A ring of spans that report nothing ends the way up."""
        ring = [report(2, 3, kind=SPAN), report(3, 2, kind=SPAN)]
        assert 1 == sums(*ring, report(4, 3, used(100, 10))).winners

    def test_below_the_root(self) -> None:
        """What hangs below spans that nobody knows is below the root, if that reports a call."""
        rows = [report(1, None, used(300, 30), kind=AGENT), report(3, 99, used(100, 10))]
        calls = {span.span_id: Call(span, reading) for span, reading in rows}
        outer = resolve(list(calls.values()), Tree(calls, {}, top_id=1))
        assert (calls[1], False) == outer[calls[3]]
        assert calls[3] is calls[1].lost_to

    def test_open_spans(self) -> None:
        """A tool above a call is seen above open spans."""
        rows = [report(2, 1, used(100, 10)), report(5, 4, used(200, 20))]
        calls = {span.span_id: Call(span, reading) for span, reading in rows}
        tree = Tree(calls, {3: Place(2, is_tool=True)}, opened={4: 3})
        assert (calls[2], True) == tree.above(4)
        resolve(list(calls.values()), tree)
        assert {None} == {call.lost_to for call in calls.values()}


class TestMarks:
    """Calls that are in the totals for good."""

    def _marked(self, outer: Row, settled: Call | None, *, is_behind_tool: bool = False) -> Call:
        """What becomes of a call above a settled one."""
        call = Call(*outer)
        marks = []
        if settled is not None:
            marks = [Mark(call.span_id, is_behind_tool, Call.mark(settled.kind))]
            marks[0].note(settled)
        resolve([call], Tree({call.span_id: call}, {}), marks)
        return call

    @pytest.mark.parametrize("kind", [MODEL, AGENT])
    def test_usage(self, kind: Kind) -> None:
        """Figures above settled ones lose."""
        outer = report(2, 1, used(300, 30), kind=kind)
        assert not self._marked(outer, Call(*report(3, 2, used(100, 10)))).stands
        assert self._marked(outer, None).stands

    def test_elsewhere(self) -> None:
        """Those that are below no call change nothing."""
        call, mark = Call(*report(2, 1, used(300, 30))), Mark(99, False, Call.mark(MODEL))  # noqa: FBT003 -- as it is made
        resolve([call], Tree({2: call}, {}), [mark])
        assert call.stands

    def test_behind_a_tool(self) -> None:
        """Settled calls behind a tool are other calls to a model, and calls of an agent."""
        settled = Call(*report(3, 2, used(100, 10)))
        assert self._marked(report(2, 1, used(300, 30)), settled, is_behind_tool=True).stands
        assert not self._marked(report(2, 1, used(300, 30), kind=AGENT), settled, is_behind_tool=True).stands

    def test_event(self) -> None:
        """A model event above a settled one is none."""
        assert 0 == self._marked(report(2, 1, used(300, 30)), Call(*report(3, 2))).model_events

    def test_silent(self) -> None:
        """What states nothing gives way to any settled call."""
        outer = report(2, 1, kind=EMBEDDING, **BILLED)
        assert not self._marked(outer, Call(*report(3, 2, kind=EMBEDDING, **BILLED))).stands

    def test_recorded_cost(self) -> None:
        """A container's cost does not count above a settled one."""
        settled = Call(*report(3, 2, kind=SPAN, recorded_pusd=5))
        assert self._marked(report(2, 1, kind=AGENT, recorded_pusd=50), settled).recorded_pusd is None


class TestAgain:
    """A pass that is repeated."""

    def test_more_calls(self) -> None:
        """What a pass decided is undone when there are more calls."""
        rows = [
            report(2, 1, used(300, 30), kind=AGENT),
            report(3, 2, used(100, 10)),
            report(4, 2, used(200, 20), scope="scope 3"),
        ]
        calls: dict[int, Call] = {}
        seen = []
        for span, reading in rows:
            calls[span.span_id] = Call(span, reading)
            resolve(list(calls.values()), Tree(calls, {}))
            seen.append([one.span_id for one in calls.values() if one.stands])
        assert [[2], [3], [3, 4]] == seen

    def test_part(self) -> None:
        """A group that is connected with no other call can be decided about alone."""
        rows = [report(2, 1, used(300, 30), kind=AGENT), report(3, 2, used(100, 10)), report(4, 1, used(7, 7), times=(200, 300))]
        calls = {span.span_id: Call(span, reading) for span, reading in rows}
        resolve([calls[2], calls[3]], Tree(calls, {}))
        assert [3, 4] == [one.span_id for one in calls.values() if one.stands]
