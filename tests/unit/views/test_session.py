"""The values of the page about one session: they are those of a replay, and add up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import SettingsError
from otel_session_agg._history.history import History
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._offline.beginning import replay
from otel_session_agg._offline.sessions import Sessions
from otel_session_agg._views.session import session_view, time_split
from otel_session_agg._views.session_costs import WhyCost, _rounded_together, why_cost
from otel_session_agg._views.session_links import LinkTemplate, links_of
from otel_session_agg._views.session_messages import span_detail
from otel_session_agg._views.session_spans import SpanRow, page_of, trace_rows
from tests.support.histories import kept, many
from tests.support.offline import SERVICE, call, counted, stored_span
from tests.support.paths import TESTS

CHATS = TESTS.parent / "examples" / "offline" / "chats.jsonl"


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """The example's sessions, in a history that is kept."""
    with replay(CHATS, history=tmp_path_factory.mktemp("chats") / "chats.duckdb") as sessions:
        yield sessions


def of_spans(path: Path, *spans: SpanData) -> History:
    """A history of these spans."""
    history = History(path / "spans.duckdb")
    for one in counted(spans):
        rows = [StoredSpan(span, SERVICE.attributes, one.trace.session_id, "span") for span in spans]
        history.add(one.parts, [one.trace], one.calls, [row for row in rows if row.span.trace_id == one.trace.trace_id])
    history.recount()
    return history


def session_ids(sessions: Sessions) -> list[str]:
    """All sessions."""
    return [row["session"] for row in sessions]


def added_up(why: WhyCost) -> Decimal:
    """What the lines come to."""
    return sum((line.cost for line in why.lines if line.cost is not None), Decimal(0))


class TestTotals:
    def test_are_those_of_the_replay(self, chats: Sessions) -> None:
        """Cost, tokens, calls and times of every session are the replay's."""
        for row in chats:
            view = session_view(chats.history, row["session"])
            assert view is not None
            found = (view.cost, view.tokens, view.model_events, view.unpriced, view.duration, view.start, view.user)
            expected = ("cost", "tokens", "model_events", "unpriced", "duration", "start_time", "user")
            assert tuple(row[name] for name in expected) == found

    def test_turns_add_up(self, chats: Sessions) -> None:
        """The turns of a session come to its cost and its calls."""
        for row in chats:
            view = session_view(chats.history, row["session"])
            assert view is not None
            assert (row["cost"], row["model_events"], row["traces"]) == (
                sum(turn.cost or 0 for turn in view.turns),
                sum(turn.calls for turn in view.turns),
                len(view.turns),
            )

    def test_waits_between_turns(self, chats: Sessions) -> None:
        """What is between two turns is the time of waiting."""
        view = session_view(chats.history, "chat-1")
        assert view is not None
        assert [view.idle_duration] == [turn.waited_ms for turn in view.turns if turn.waited_ms is not None]

    def test_there_is_no_such_session(self, chats: Sessions) -> None:
        """Of an unknown session there is nothing."""
        assert (None, None) == (session_view(chats.history, "'; --"), why_cost(chats.history, "'; --"))

    def test_no_tools(self, tmp_path: Path) -> None:
        """Where no tool was called it took no time, as no model: that is known, and so is where the time went."""
        spans = [stored_span(1, at=0.0, attributes={"session.id": "chat"}), call(2, 1, at=0.0)]
        with of_spans(tmp_path, *spans, stored_span(1, trace_id=2, at=0.0, attributes={"session.id": "idle"})) as history:
            chat, idle = (session_view(history, name) for name in ("chat", "idle"))
        assert chat is not None
        assert idle is not None
        assert (1000.0, 0.0, 0, 0.0, 0.0) == (
            chat.model_duration, chat.tool_duration, chat.tool_events, idle.model_duration, idle.tool_duration
        )  # fmt: skip
        assert [1000.0, 0.0, 0.0, 0.0] == [part.ms for part in chat.split]
        assert [0.0, 0.0, 1000.0, 0.0] == [part.ms for part in idle.split]

    @given(st.lists(st.floats(0, 1e7), min_size=4, max_size=4))
    def test_time_adds_up(self, given: list[float]) -> None:
        """The parts of the time are never below 0 and come to the duration, whatever overlaps."""
        parts = time_split(*given)
        assert min(part.ms for part in parts) >= 0
        assert given[0] == pytest.approx(sum(part.ms for part in parts))


class TestContext:
    def test_says_how_many_times_the_median_it_is(self, tmp_path: Path) -> None:
        """Beside enough sessions of its service, a session's cost is a multiple of their median, and may stand out."""
        with kept(tmp_path / "many.duckdb", many(200)) as history:
            costs = history.rows(
                "SELECT session, cost::DOUBLE FROM sessions WHERE json_extract_string(dimensions, '/service.name') = 'shop-0'"
                " AND cost IS NOT NULL ORDER BY cost"
            )
            session, cost = costs[-1]
            view = session_view(history, session)
            middle = (costs[(len(costs) - 1) // 2][1] + costs[len(costs) // 2][1]) / 2
            assert view is not None
            assert view.context is not None
            assert ("service.name", "shop-0", len(costs)) == (*view.context[:2], view.context.by_metric["cost"].sessions)
            assert pytest.approx(cost / middle) == view.context.by_metric["cost"].times

    def test_few_sessions_are_no_context(self, chats: Sessions) -> None:
        """Six sessions say nothing about what is usual."""
        view = session_view(chats.history, "chat-1")
        assert view is not None
        assert view.context is None


class TestWhyCost:
    def test_adds_up_to_the_cost(self, chats: Sessions) -> None:
        """The lines of every session come to its cost, exactly, and it is the one that `explain` has."""
        for name in session_ids(chats):
            why = why_cost(chats.history, name)
            assert why is not None
            assert why.cost == added_up(why)
            assert chats.explain(session_id=name).rollup.cost_pusd == round(added_up(why) * 10**12)

    def test_says_rates(self, chats: Sessions) -> None:
        """A line is a kind of token of a model at its price."""
        why = why_cost(chats.history, "chat-2")
        assert why is not None
        assert [
            ("gpt-4o", "input", 48000, Decimal("2.5"), Decimal("0.12")),
            ("gpt-4o", "output", 2100, 10, Decimal("0.021")),
        ] == [(line.model, line.part, line.number, line.rate, line.cost) for line in why.lines]

    def test_unknown_is_not_0(self, chats: Sessions) -> None:
        """A call without a price is a line without a cost, with the reason."""
        why = why_cost(chats.history, "chat-3")
        assert why is not None
        [line] = [line for line in why.lines if line.cost is None]
        assert ("our-own-model", "unknown", 1) == (line.model, line.part, why.unpriced)
        assert "neither your own prices" in line.origin

    def test_other_prices_than_when_it_was_counted(self, tmp_path: Path) -> None:
        """A session that was counted with other prices has the costs that were stored."""
        path = tmp_path / "own.duckdb"
        with replay(CHATS, history=path, prices={"gpt-4o": {"input": 7, "output": 70}}) as sessions:
            why = why_cost(sessions.history, "chat-2")
            assert why is not None
            assert [(Decimal("0.483"), "whole call")] == [(line.cost, line.part) for line in why.lines]

    def test_without_spans(self, tmp_path: Path) -> None:
        """Where no spans are kept, costs stand by model, and add up."""
        with kept(tmp_path / "many.duckdb", many(3)) as history:
            [(name, cost)] = history.rows("SELECT session, cost FROM sessions ORDER BY session LIMIT 1")
            why = why_cost(history, name)
            assert why is not None
            assert (cost, False) == (added_up(why), why.lines[0].rate is not None)

    @given(st.lists(st.fractions(0, 1000), min_size=1, max_size=9))
    def test_parts_are_rounded_together(self, amounts: list[Fraction]) -> None:
        """Whole parts come to the rounded sum, and none is more than 1 off."""
        total = round(sum(amounts))
        whole = _rounded_together(amounts, total)
        assert total == sum(whole)
        assert all(abs(one - amount) <= 1 for one, amount in zip(whole, amounts, strict=True))


class TestWaterfall:
    def test_verdicts_are_those_of_explain(self, tmp_path: Path) -> None:
        """An agent that repeats its calls and a call reported twice are left out, as `explain` says."""
        spans = [
            stored_span(1, at=0, end_ns=stored_span(1, at=20).end_ns, attributes={"session.id": "s"}),
            call(2, 1, at=1),
            call(3, 2, at=1, scope_name="other", attributes={"gen_ai.response.id": "r"}),
            stored_span(4, 1, at=5, failed=True, status_description="timeout"),
        ]
        with of_spans(tmp_path, *spans) as history:
            rows = trace_rows(history, f"{1:032x}", "s")
            [(lost, by, rule)] = history.rows("SELECT span_id, lost_to, rule FROM calls WHERE NOT counts")
        assert [(1, 0), (2, 1), (3, 2), (4, 1)] == [(int(row.span_id, 16), row.depth) for row in rows]
        assert "layer" == rule
        [left] = [row for row in rows if row.is_left_out]
        assert left.call is not None
        assert (lost, by, None) == (left.span_id, left.call.lost_to, left.call.cost)
        assert left.call.why.startswith("same call as span")
        assert ("timeout", 5000.0) == (rows[-1].status, rows[-1].start_ms)

    def test_every_span_of_the_replay(self, chats: Sessions) -> None:
        """Every span is a row, and rows that count come to the cost of the trace."""
        for trace_id, session, cost, spans in chats.history.rows("SELECT trace_id, session, cost, spans FROM traces"):
            rows = trace_rows(chats.history, trace_id, session)
            assert (spans, cost) == (len(rows), sum((row.call.cost or 0) for row in rows if row.call is not None))

    def test_ten_thousand_spans(self, tmp_path: Path) -> None:
        """A trace of any size is shown in pages; what is below a closed row is not."""
        spans = [stored_span(1, at=0, attributes={"session.id": "s"})]
        spans += [stored_span(number, 1 + number // 100 * (number % 100 > 0)) for number in range(2, 3002)]
        with of_spans(tmp_path, *spans) as history:
            rows = trace_rows(history, f"{1:032x}", "s")
        assert (3001, 3000) == (len(rows), rows[0].below)
        page = page_of(rows, first=100, limit=50)
        assert (50, 100, 3001) == (len(page.rows), page.first, page.visible)
        closed = page_of(rows, closed={rows[0].span_id})
        assert ([rows[0]], 1) == (closed.rows, closed.visible)
        assert 3000 == page_of(rows, first=10**9, limit=100).first

    @given(st.integers(-5, 500), st.integers(1, 40))
    def test_any_page(self, first: int, limit: int) -> None:
        """A page never has more rows than asked for, and never none where there are some."""
        rows = [
            SpanRow(at, f"{at:016x}", None, 0, 0, "a", "span", 0, 0, failed=False, status=None, call=None) for at in range(99)
        ]
        page = page_of(rows, first, limit)
        assert 1 <= len(page.rows) <= limit
        assert list(page.rows) == rows[page.first : page.first + limit]


class TestMessages:
    def test_are_plain_text(self, tmp_path: Path) -> None:
        """Messages of every form are found once, each with its role, and nothing is markup."""
        attributes = {
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "<b>hi</b>"}]}]',
            "gen_ai.output.messages": '[{"role": "assistant", "content": "hello"}]',
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "<b>hi</b>",
            "llm.output_messages.0.message.content": "more",
            "other": [1, 2],
        }
        span = call(1, None, attributes=attributes)._replace(events=[SpanEvent("gen_ai.tool.message", {"content": "ok"}, 5)])
        with of_spans(tmp_path, span) as history:
            detail = span_detail(history, f"{1:032x}", f"{1:016x}")
        assert detail is not None
        assert [("user", "<b>hi</b>"), ("assistant", "hello"), ("assistant", "more"), ("tool", "ok")] == [
            (one.role, one.text) for one in detail.messages
        ]
        assert ("other", "[1, 2]") in detail.attributes
        assert ("service.name", "shop") in detail.resource

    @pytest.mark.parametrize(
        "text", ["{", "[" * 9000, '{"messages": [1, null]}', '[{"role": 1}]', "null", '{"content": {"content": {}}}']
    )
    def test_whatever_is_there(self, tmp_path: Path, text: str) -> None:
        """What is no message is shown as it is."""
        with of_spans(tmp_path, call(1, None, attributes={"input.value": text})) as history:
            detail = span_detail(history, f"{1:032x}", f"{1:016x}")
        assert detail is not None
        assert all(isinstance(one.text, str) for one in detail.messages)

    def test_long_ones_are_cut(self, tmp_path: Path) -> None:
        """A message of a megabyte is shown in part."""
        with of_spans(tmp_path, call(1, None, attributes={"input.value": "x" * 10**6})) as history:
            detail = span_detail(history, f"{1:032x}", f"{1:016x}")
        assert detail is not None
        assert 20_000 == len(detail.messages[0].text)


class TestLinks:
    def test_ids_are_encoded(self) -> None:
        """An id is one piece of the address, whatever is in it."""
        link = LinkTemplate("https://tempo.example/t/{trace_id}?s={session_id}")
        url = link.url({"trace_id": "0f", "session_id": '../"><script>&x=\ud800'})
        assert "https://tempo.example/t/0f?s=..%2F%22%3E%3Cscript%3E%26x%3D%3F" == url

    def test_what_is_not_there(self) -> None:
        """Without an id that it names there is no link."""
        assert LinkTemplate("http://a/{span_id}").url({"trace_id": "1"}) is None

    @pytest.mark.parametrize("session", [".", ".."])
    def test_steps(self, session: str) -> None:
        """A session that is called as a step in a path has no link: browsers would go to another page."""
        assert LinkTemplate("https://a.example/sessions/{session_id}").url({"session_id": session}) is None

    def test_named(self) -> None:
        """Templates are given with the words of their links; the rest is the template, whatever is in it."""
        found = links_of(["Tempo=https://a.example/{trace_id}", "My logs =https://b.example/?q=a=b&s={session_id}"])
        assert ["Tempo", "My logs"] == list(found)
        assert "https://b.example/?q=a=b&s=1" == found["My logs"].url({"session_id": "1"})

    @pytest.mark.parametrize(
        "given", ["https://a.example/{trace_id}", "=https://a.example/", "Tempo", " =https://a.example/", "a=javascript:alert(1)"]
    )
    def test_not_named(self, given: str) -> None:
        """What has no words, or is no template, is refused."""
        with pytest.raises(SettingsError):
            links_of([given])

    @pytest.mark.parametrize(
        "template",
        ["javascript:alert(1)", "//a/{trace_id}", "data:text/html,x", "https://{trace_id}.example/", "http://a/{other}",
         "http://a/{trace_id!r}", "http://a/{trace_id.x}", "http://a/{trace_id:>9999999}", "http://a/{", "http://[", ""],
    )  # fmt: skip
    def test_templates_that_are_refused(self, template: str) -> None:
        """A template is a page of one host, and names ids only."""
        with pytest.raises(SettingsError):
            LinkTemplate(template)
