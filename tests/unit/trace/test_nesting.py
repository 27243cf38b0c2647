"""Which events count when they stand above, below or beside each other, played through the real SDK."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.replay import replay

CHAT: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
AGENT: dict[str, Any] = {"gen_ai.operation.name": "invoke_agent"}
EMBEDDING: dict[str, Any] = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
TOOL: dict[str, Any] = {"gen_ai.operation.name": "execute_tool"}
PRICES = {"input": 1e-6, "output": 1e-6}
TIMES = [(0, 1000), (100, 900), (200, 800), (300, 700), (400, 600)]
"""Each inside the one before, nanoseconds."""

EARLY: dict[str, dict[str, Any]] = {
    "openinference.instrumentation.llama_index": {},
    "logfire.openai": {"duration": 0.1, "gen_ai.usage.raw": '{"prompt_tokens": 100, "completion_tokens": 10}'},
}
"""Scopes whose spans may end before the stream that they report, and how they are known."""


def usage(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    return {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion, **more}


def span(name: str, parent: str | None, attributes: dict[str, Any], times: tuple[int, int], **more: Any) -> dict[str, Any]:
    start, end = times
    base = 1_790_000_000_000_000_000
    row = {"name": name, "id": name, "parent": parent, "attributes": attributes, "start_ns": base + start, "end_ns": base + end}
    return {**row, **more}


def totals(*spans: dict[str, Any], prices: dict[str, float] | None = PRICES) -> tuple[Any, ...]:
    """(model events, total tokens, cost in micro-dollars, unpriced events)."""
    attributes = dict(replay({"spans": list(spans), "prices": prices}).attributes or {})
    cost = attributes.get("metadata.cost")
    return (
        attributes["metadata.num_model_events"],
        attributes["metadata.total_tokens"],
        round(cost * 1e6, 6) if isinstance(cost, float) else cost,
        attributes.get("metadata.num_unpriced_events", 0),
    )


class TestContainers:
    """Agents, chains and other spans above calls."""

    def test_sum_of_its_calls(self) -> None:
        """An agent's sum does not count beside the calls it is the sum of."""
        agent = span("agent", None, {**AGENT, **usage(300, 30)}, TIMES[0])
        calls = [span(f"c{n}", "agent", {**CHAT, **usage(150, 15)}, (100 * n, 100 * n + 50)) for n in (1, 2)]
        assert (2, 330, 330, 0) == totals(agent, *calls)

    def test_sole_source(self) -> None:
        """An agent's usage counts when nothing below it states any."""
        assert (0, 330, 330, 0) == totals(span("agent", None, {**AGENT, **usage(300, 30)}, TIMES[0]))

    @pytest.mark.parametrize("number", [1, 3])
    def test_only_recorded_cost(self, number: int) -> None:
        """A container's recorded cost stands for its calls when none of them has one of its own."""
        agent = span("agent", None, {**AGENT, **usage(9, 9), "operation.cost": 0.5}, TIMES[0])
        calls = [span(f"c{n}", "agent", {**CHAT, **usage(100, 10)}, (100 * n, 100 * n + 50)) for n in range(number)]
        assert (number, 110 * number, 500_000, 0) == totals(agent, *calls)

    def test_calls_with_recorded_costs(self) -> None:
        """A container's recorded cost does not count when a call below it has its own."""
        agent = span("agent", None, {**AGENT, "operation.cost": 0.5}, TIMES[0])
        call = span("call", "agent", {**CHAT, **usage(100, 10), "operation.cost": 0.25}, TIMES[1])
        assert (1, 110, 250_000, 0) == totals(agent, call)

    def test_cost_without_tokens(self) -> None:
        """A recorded cost counts when nobody states tokens."""
        assert (0, 0, 500_000, 0) == totals(span("agent", None, {**AGENT, "operation.cost": 0.5}, TIMES[0]))

    def test_costs_without_tokens(self) -> None:
        """Of recorded costs without tokens the innermost counts."""
        agent = span("agent", None, {**AGENT, **usage(100, 10), "operation.cost": 0.5}, TIMES[0])
        assert (0, 110, 250_000, 0) == totals(agent, span("step", "agent", {"operation.cost": 0.25}, TIMES[1]))

    def test_late_child(self) -> None:
        """What a container counted is taken back when a child that outlasts it states usage."""
        agent = span("agent", None, {**AGENT, **usage(300, 30)}, (0, 500))
        step = span("step", "agent", {}, (100, 900))
        assert (1, 220, 220, 0) == totals(agent, step, span("call", "step", {**CHAT, **usage(200, 20)}, (200, 800)))


class TestCalls:
    """Model calls above, below and beside each other."""

    def test_behind_a_tool(self) -> None:
        """A call made by a tool inside a call is another call."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0])
        tool = span("tool", "outer", TOOL, TIMES[1])
        assert (2, 330, 330, 0) == totals(outer, tool, span("inner", "tool", {**CHAT, **usage(200, 20)}, TIMES[2]))

    def test_behind_an_ended_tool(self) -> None:
        """That holds when the call ends after the tool and the outer call did."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, (0, 300))
        tool = span("tool", "outer", TOOL, (100, 200))
        assert (2, 330, 330, 0) == totals(outer, tool, span("inner", "tool", {**CHAT, **usage(200, 20)}, (150, 800)))

    def test_embedding_inside(self) -> None:
        """An embedding inside a model call has its own tokens."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0])
        inner = span("inner", "outer", {**EMBEDDING, "gen_ai.usage.input_tokens": 7}, TIMES[1])
        assert (1, 117, 117, 0) == totals(outer, inner)

    def test_embedding_wrapped(self) -> None:
        """A wrapper that calls itself a model repeats the embedding inside it."""
        outer = span("outer", None, {**CHAT, "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 0}, TIMES[0])
        inner = span("inner", "outer", {**EMBEDDING, "gen_ai.usage.input_tokens": 7}, TIMES[1])
        assert (7, 7) == totals(outer, inner)[1:3]

    def test_failed_attempts(self) -> None:
        """Failed attempts inside a call that succeeded are no events of their own."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0])
        failed = span("failed", "outer", CHAT, (100, 200), status={"code": "ERROR", "description": "529"})
        inner = span("inner", "outer", {**CHAT, **usage(100, 10)}, (300, 400))
        assert (1, 110, 110, 0) == totals(outer, failed, inner)

    def test_silent_layer(self) -> None:
        """A layer without figures inside one with figures is the same call."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0], scope="a")
        assert (1, 110, 110, 0) == totals(outer, span("inner", "outer", CHAT, TIMES[1], scope="b"))

    def test_silent_layers(self) -> None:
        """Two layers without figures inside one with figures cost what it says."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0], scope="a")
        inner = [span(f"i{n}", "outer", CHAT, (100 * n, 100 * n + 50), scope="b") for n in (1, 2)]
        assert (2, 110, 110, 0) == totals(outer, *inner)

    def test_fuller_layer(self) -> None:
        """What only the outer layer knows is kept."""
        outer = span("outer", None, {**CHAT, **usage(100, 10), "gen_ai.usage.cache_read.input_tokens": 40}, TIMES[0], scope="a")
        inner = span("inner", "outer", {**CHAT, **usage(100, 10)}, TIMES[1], scope="b")
        attributes = dict(replay({"spans": [outer, inner]}).attributes or {})
        assert (110, 40) == (attributes["metadata.total_tokens"], attributes["metadata.cache_read_tokens"])

    def test_beside(self) -> None:
        """Two scopes that report one call side by side are one call."""
        spans = [span(scope, None, {**CHAT, **usage(100, 10)}, TIMES[n], scope=scope) for n, scope in enumerate("ab")]
        assert (1, 110, 110, 0) == totals(*spans)

    def test_same_scope(self) -> None:
        """Two calls of one scope are two calls, however alike."""
        spans = [span(name, None, {**CHAT, **usage(100, 10)}, TIMES[n], scope="s") for n, name in enumerate("ab")]
        assert (2, 220, 220, 0) == totals(*spans)

    def test_one_response(self) -> None:
        """The same response with the same figures is one call, in one scope too."""
        attributes = {**CHAT, **usage(100, 10), "gen_ai.response.id": "r"}
        assert (1, 110, 110, 0) == totals(*[span(n, None, attributes, (0, 10), scope="s") for n in "ab"])

    def test_one_response_other_figures(self) -> None:
        """A response id that repeats with other figures, as mock servers have it, is another call."""
        spans = [
            span(n, None, {**CHAT, **usage(p, 10), "gen_ai.response.id": "r"}, (0, 10), scope="s")
            for n, p in (("a", 1), ("b", 2))
        ]
        assert (2, 23, 23, 0) == totals(*spans)

    def test_reports_that_contradict_in_a_part(self) -> None:
        """Of two reports with the same input and output, the first one's cached part stands."""
        parts = [
            {**CHAT, **usage(100, 10), "gen_ai.response.id": "r", "gen_ai.usage.cache_read.input_tokens": n} for n in (40, 60)
        ]
        spans = [span(name, None, part, (0, 10), scope=name) for name, part in zip("ab", parts, strict=True)]
        attributes = dict(replay({"spans": spans}).attributes or {})
        assert (1, 40) == (attributes["metadata.num_model_events"], attributes["metadata.cache_read_tokens"])

    @pytest.mark.parametrize("early", sorted(EARLY))
    @pytest.mark.parametrize(("apart_ns", "expected"), [(12_000_000, 1), (2_000_000_000, 2), (7_200_000_000_000, 2)])
    def test_ends_early(self, early: str, apart_ns: int, expected: int) -> None:
        """A span that ends when its stream begins is told again within a moment, not hours later."""
        first = span("a", None, {**CHAT, **usage(100, 10), **EARLY[early]}, (0, 1000), scope=early)
        second = span("b", None, {**CHAT, **usage(100, 10)}, (1000 + apart_ns, 2000 + apart_ns), scope="b")
        assert (expected, 110 * expected, 110 * expected, 0) == totals(first, second)

    @pytest.mark.parametrize("order", ["ab", "ba"])
    def test_blind_to_the_cache(self, order: str) -> None:
        """A report that leaves the cached part out of the input is of the same call; the fuller one stands."""
        told = {"a": usage(100, 10), "b": usage(180, 10, **{"gen_ai.usage.cache_read.input_tokens": 80})}
        spans = [
            span(name, None, {**CHAT, **told[name]}, times, scope=name)
            for name, times in zip(order, [(0, 100), (50, 200)], strict=True)
        ]
        assert (1, 190) == totals(*spans)[:2]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_unsure_of_the_output(self, order: tuple[int, int]) -> None:
        """A report that is known not to know the output well has it from another one, which has the cached part from it."""
        text = '"AIMessageChunk"'
        model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5", "output.value": text}
        cached = {"gen_ai.usage.cache_read.input_tokens": 80}
        told = [("@arizeai/openinference-instrumentation-langchain", usage(180, 90, **cached)), ("b", usage(100, 40))]
        spans = [
            span(told[n][0], None, {**model, **told[n][1]}, times, scope=told[n][0])
            for n, times in zip(order, [(0, 100), (5, 99)], strict=True)
        ]
        attributes = dict(replay({"spans": spans}).attributes or {})
        figures = ("num_model_events", "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens")
        assert [1, 180, 40, 220, 80] == [attributes[f"metadata.{name}"] for name in figures]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_estimate(self, order: tuple[int, int]) -> None:
        """An estimate gives way to figures of another report, and counts where there is none."""
        told = [("@traceloop/instrumentation-openai", usage(1, 6)), ("b", usage(100, 40))]
        spans = [
            span(told[n][0], None, {**CHAT, **told[n][1]}, times, scope=told[n][0])
            for n, times in zip(order, [(0, 100), (5, 99)], strict=True)
        ]
        assert (1, 140, 140, 0) == totals(*spans)
        assert (1, 7, 7, 0) == totals(next(one for one in spans if one["name"] == told[0][0]))

    @pytest.mark.parametrize(("unit_ns", "expected"), [(1_000_000, 1), (10_000_000, 2)])
    def test_clock_of_milliseconds(self, unit_ns: int, expected: int) -> None:
        """Where spans begin at whole milliseconds, one may begin a little later than it should, but not much."""
        first = span("a", None, {**CHAT, **usage(100, 10)}, (0, 4 * unit_ns), scope="a")
        second = span("b", None, CHAT, (unit_ns, 5 * unit_ns - unit_ns // 2), scope="b")
        assert expected == totals(first, second)[0]

    def test_silent_model_below_an_embedding(self) -> None:
        """A span below an embedding that calls itself a model and says nothing is no model event."""
        outer = span("outer", None, {**EMBEDDING, "gen_ai.usage.input_tokens": 7}, TIMES[0], scope="a")
        assert (0, 7, 7, 0) == totals(outer, span("inner", "outer", CHAT, TIMES[1], scope="b"))

    def test_server_span(self) -> None:
        """A model server's span below the client's call loses."""
        client = span("client", None, {**CHAT, **usage(100, 10)}, TIMES[0], kind="CLIENT")
        server = span("server", "client", {**CHAT, **usage(150, 10)}, TIMES[1], kind="SERVER")
        assert (1, 110, 110, 0) == totals(client, server)

    def test_server_span_alone(self) -> None:
        """A model server's span counts when no client states usage."""
        server = span("server", None, {**CHAT, **usage(150, 10)}, TIMES[1], kind="SERVER")
        assert (1, 160, 160, 0) == totals(span("agent", None, {**AGENT, **usage(9, 9)}, TIMES[0]), server | {"parent": "agent"})

    def test_late_server_span(self) -> None:
        """It loses as well when it ends after the client's call."""
        client = span("client", None, {**CHAT, **usage(100, 10)}, (0, 500), kind="CLIENT")
        server = span("server", "client", {**CHAT, **usage(150, 10)}, (100, 900), kind="SERVER")
        assert (1, 110, 110, 0) == totals(client, server)


class TestTools:
    """Usage on tools."""

    def test_below_a_call(self) -> None:
        """Usage of a tool loses against a model call above it."""
        outer = span("outer", None, {**CHAT, **usage(100, 10)}, TIMES[0])
        assert (1, 110, 110, 0) == totals(outer, span("tool", "outer", {**TOOL, **usage(5, 5)}, TIMES[1]))

    def test_above_a_call(self) -> None:
        """Usage of a tool loses against a model call below it."""
        tool = span("tool", None, {**TOOL, **usage(5, 5)}, TIMES[0])
        assert (1, 110, 110, 0) == totals(tool, span("inner", "tool", {**CHAT, **usage(100, 10)}, TIMES[1]))

    def test_alone(self) -> None:
        """It counts when nobody else states any."""
        assert (0, 10, 10, 0) == totals(span("tool", None, {**TOOL, **usage(5, 5)}, TIMES[0]))


MARK = {"metadata.usage_object": "{'prompt_tokens': 100, 'completion_tokens': 10, 'total_tokens': 110}"}


class TestForeign:
    """Figures that LiteLLM's callback wrote on the span above the call."""

    def test_other_calls_below(self) -> None:
        """They are a call of their own beside the calls below that span."""
        app = span("app", None, {**CHAT, **usage(100, 10), **MARK}, TIMES[0], scope="app")
        assert (2, 330, 330, 0) == totals(app, span("call", "app", {**CHAT, **usage(200, 20)}, TIMES[1], scope="x"))

    def test_same_call_below(self) -> None:
        """They are the call below that says the same."""
        app = span("app", None, {**CHAT, **usage(100, 10), **MARK}, TIMES[0], scope="app")
        assert (1, 110, 110, 0) == totals(app, span("call", "app", {**CHAT, **usage(100, 10)}, TIMES[1], scope="x"))

    def test_silent_call_below(self) -> None:
        """They belong to the call below that says nothing."""
        app = span("app", None, {**CHAT, **usage(100, 10), **MARK}, TIMES[0], scope="app")
        assert (1, 110, 110, 0) == totals(app, span("call", "app", CHAT, TIMES[1], scope="x"))

    def test_embedding(self) -> None:
        """Of an embedding, the silent span below is no model event."""
        mark = {"metadata.usage_object": "{'prompt_tokens': 7, 'total_tokens': 7}"}
        app = span("app", None, {**EMBEDDING, "gen_ai.usage.input_tokens": 7, **mark}, TIMES[0], scope="app")
        assert (0, 7, 7, 0) == totals(app, span("raw_gen_ai_request", "app", {}, TIMES[1], scope="litellm"))

    def test_late_call(self) -> None:
        """A call that ends after that span is still another call."""
        app = span("app", None, {**CHAT, **usage(100, 10), **MARK}, (0, 500), scope="app")
        assert (2, 330, 330, 0) == totals(app, span("call", "app", {**CHAT, **usage(200, 20)}, (100, 900), scope="x"))

    def test_late_same_call(self) -> None:
        """A call that ends after that span and says the same is that call."""
        app = span("app", None, {**CHAT, **usage(100, 10), **MARK}, (0, 500), scope="app")
        assert (1, 110, 110, 0) == totals(app, span("call", "app", {**CHAT, **usage(100, 10)}, (100, 900), scope="x"))


class TestUnpriced:
    """Calls whose cost nobody knows."""

    def test_unknown_model(self) -> None:
        """An unknown model is counted, and its cost is no 0."""
        call = span("call", None, {**CHAT, "gen_ai.request.model": "nobody-knows-me", **usage(100, 10)}, TIMES[0])
        assert (1, 110, None, 1) == totals(call, prices=None)

    def test_no_figures(self) -> None:
        """A call that succeeded without figures cost something that nobody knows."""
        assert (1, 0, None, 1) == totals(span("call", None, CHAT, TIMES[0]))

    def test_failed(self) -> None:
        """A call that failed without figures cost nothing."""
        failed = span("call", None, CHAT, TIMES[0], status={"code": "ERROR", "description": "no"})
        assert (1, 0, 0, 0) == totals(failed)

    def test_partly(self) -> None:
        """The known part of the cost is written beside the number of unknown ones."""
        spans = [span("a", None, {**CHAT, **usage(100, 10)}, (0, 10)), span("b", None, CHAT, (20, 30))]
        assert (2, 110, 110, 1) == totals(*spans)
