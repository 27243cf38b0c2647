"""How an explanation is shown."""

from __future__ import annotations

import json
import re
from io import StringIO
from itertools import product
from typing import Any
from unicodedata import east_asian_width

import pytest
from rich.console import Console

from otel_session_agg import Explanation, PriceBook, explain

from .conftest import Make, call


@pytest.fixture
def explanation(make: Make) -> Explanation:
    """An agent with a sum, a call that two libraries report, a tool and another call."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 200}
    named = call(**{"gen_ai.response.id": "r", "session.id": "chat-42"})
    return explain(
        [
            make(1, None, agent, name="agent"),
            make(2, 1, named, scope="a", name="chat <b>"),
            make(3, 1, named, scope="b"),
            make(4, 1, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}),
            make(5, 4, call(500, 50)),
        ]
    )


class TestText:
    """Plain text."""

    def test_whole(self, explanation: Explanation) -> None:
        """It is read from the top to the bottom, and adds up."""
        lines = [re.sub(r"genai-prices [\d.]+", "genai-prices", line) for line in str(explanation).splitlines()]
        expected = """\
5 spans of trace 00000000000000000000000000000001, session chat-42
    span                          kind      what counts, or why not                              USD
  1 agent                         agent     repeats calls below it, 5 among them                   a
  2 ├ chat <b>                    model     same call as 3: its response id is the same            b
  3 ├ span 3                      model     1,000 in, 100 out                           b1  0.000210
  4 └ span 4                      tool      t                                                      c
  5   └ span 5                    model     500 in, 50 out                              d1  0.000105
────────────────────────────────────────────────────────────────────────────────────────────────────
    sum of 2 model calls: 1,500 in, 150 out, 1,650 tokens                                   0.000315

prices                                                number     USD per million                 USD
  1 gpt-4o-mini of openai (genai-prices) (2 calls)"""
        assert expected.splitlines() == [line.rstrip() for line in lines[:11]] + [lines[11].split("  0")[0].rstrip()]
        assert "      input                                            1,500                0.15            0.000225" == lines[12]
        assert "      output                                             150                 0.6            0.000090" == lines[13]
        assert "read by" == lines[15]
        assert "b model by gen_ai.operation.name = chat" in str(explanation)

    def test_width(self, explanation: Explanation) -> None:
        """No line is longer than 100 columns."""
        assert max(map(len, str(explanation).splitlines())) <= 100

    def test_foreign_text(self, make: Make) -> None:
        """Names of spans, models, keys and sessions are escaped, shortened, and as wide as they look."""
        evil = "\x1b[2J\r\u202e漢字" * 100
        text = str(
            explain([make(1, None, call(**{"gen_ai.request.model": evil, "session.id": evil[:900], evil: "x"}), name=evil)])
        )
        assert text.replace("\n", "").isprintable()
        assert max(sum(2 if east_asian_width(char) in "WF" else 1 for char in line) for line in text.splitlines()) <= 100

    def test_sessions(self, make: Make) -> None:
        """Several sessions have a sum each."""
        text = str(
            explain(
                [make(1, None, call(**{"session.id": "a"})), make(2, None, call(**{"session.id": "b"}), trace_id=2)],
            )
        )
        assert "of which session a" in text
        assert "of which session b" in text

    def test_digits(self, make: Make) -> None:
        """Costs have as many decimals as it takes to add them up exactly."""
        explanation = explain([make(1, None), make(2, 1, call(1, 0)), make(3, 1, call(2, 0))])
        assert "0.00000015\n" in str(explanation)
        assert "0.00000045" in str(explanation)

    def test_many_notes(self, make: Make) -> None:
        """Of many prices, sessions and sets of keys the first are shown."""
        spans = [
            make(
                number,
                None,
                {
                    **call(**{"gen_ai.request.model": f"model-{number}", "session.id": f"s{number}"}),
                    f"gen_ai.prompt.{number}": "x",
                },
                trace_id=number,
            )
            for number in range(1, 31)
        ]
        text = str(explain(spans, prices={f"model-{number}": {"input": number, "output": 1} for number in range(1, 31)}))
        assert "30 spans of 30 traces" in text
        assert "... and 10 more sessions" in text
        assert "... and 10 more prices" in text
        assert "1 own price model-1 (1 call)" in text

    def test_many_keys(self, make: Make) -> None:
        """Of many sets of keys the first are shown."""
        sessions: tuple[dict[str, str], ...] = (
            {},
            {"session.id": "s"},
            {"langfuse.session.id": "s"},
            {"gen_ai.conversation.id": "s"},
        )
        users: tuple[dict[str, str], ...] = ({}, {"user.id": "u"}, {"langfuse.user.id": "u"})
        errors: tuple[dict[str, str], ...] = ({}, {"error.type": "e"})
        tool = {"openinference.span.kind": "TOOL"}
        all_sets = [{**tool, **one, **two, **three} for one, two, three in product(sessions, users, errors)]
        spans = [make(number, number - 1 or None, attributes) for number, attributes in enumerate(all_sets, 1)]
        text = str(explain(spans))
        assert "... and 4 more sets of keys" in text
        assert text.count("tool by openinference.span.kind = TOOL") == 20

    def test_deep(self, make: Make) -> None:
        """Deep trees keep room for the names."""
        lines = str(explain([make(number, number - 1 or None) for number in range(1, 41)])).splitlines()
        assert all("s" in line[4:34] for line in lines[2:42])

    def test_dates(self, make: Make) -> None:
        """A price that holds for some time says so."""
        text = str(
            explain([make(1, None, call(**{"gen_ai.request.model": "deepseek-chat", "gen_ai.provider.name": "deepseek"}))])
        )
        assert "deepseek-chat of deepseek" in text
        assert "since " in text

    def test_each(self, make: Make) -> None:
        """Prices of requests are for each, and a whole price has no rate."""

        class Book(PriceBook):
            def cost_pusd(self, **_: Any) -> int | None:
                return 7

        assert "0.01 each" in str(explain([make(1, None, call())], prices={"*": {"input": 1, "output": 1, "request": 0.01}}))
        assert "whole call" in str(explain([make(1, None, call())], prices=Book()))

    def test_reason(self, make: Make) -> None:
        """A price that is unknown for this call says what is missing."""
        text = str(explain([make(1, None, call(**{"gen_ai.request.model": "gpt-4o-audio-preview"}))]))
        assert "unknown: gpt-4o-audio-preview of openai: audio_prompt_tokens and" in text
        assert "without 1 call of unknown cost" in text

    def test_cost_of_container(self, make: Make) -> None:
        """The recorded cost of an agent stands on one of its calls, and the others say so."""
        agent = {
            "openinference.span.kind": "AGENT",
            "llm.token_count.prompt": 2000,
            "llm.token_count.completion": 200,
            "llm.cost.total": 0.5,
        }
        explanation = explain([make(1, None, agent), make(2, 1, call()), make(3, 1, call())])
        assert 0.5 == explanation.cost_usd
        assert "its cost is in another call's" in str(explanation)
        assert "gave it cost" in str(explanation)

    def test_repr(self, explanation: Explanation) -> None:
        """In a debugger it is one line."""
        assert "<Explanation 0.000315 USD, 5 spans, 2 calls that count>" == repr(explanation)
        assert "<SpanExplanation 1 agent, agent>" == repr(explanation.spans[0])


class TestRich:
    """In colour."""

    def test_same_text(self, explanation: Explanation) -> None:
        """``rich`` shows the same text."""
        console = Console(file=StringIO(), width=100, color_system=None)
        console.print(explanation)
        assert isinstance(console.file, StringIO)
        assert str(explanation).split() == console.file.getvalue().split()

    def test_losers_are_dimmed(self, explanation: Explanation) -> None:
        """What lost is dimmed."""
        dimmed = [explanation.__rich__().plain[one.start : one.end] for one in explanation.__rich__().spans if one.style == "dim"]
        assert any("repeats calls below it" in text for text in dimmed)


class TestHtml:
    """In a notebook."""

    def test_escaped(self, explanation: Explanation) -> None:
        """It is the same text, escaped."""
        html = explanation._repr_html_()
        assert "chat &lt;b&gt;" in html
        assert "<b>" not in html
        assert html.isascii()


class TestJson:
    """As values."""

    def test_values(self, explanation: Explanation) -> None:
        """Everything is there: keys, verdicts, parts of prices, the sum."""
        found = json.loads(explanation.to_json())
        assert found == explanation.to_dict()
        assert (
            315_000_000
            == found["sum"]["cost_pusd"]
            == sum(row["verdict"]["cost_pusd"] for row in found["spans"] if row["verdict"])
        )
        lost, counts = found["spans"][1], found["spans"][2]
        assert {"trace_id": f"{1:032x}", "span_id": f"{3:016x}"} == lost["verdict"]["other"]
        assert ("response", False) == (lost["verdict"]["rule"], lost["verdict"]["counts"])
        assert {"value": 1000, "keys": ["gen_ai.usage.input_tokens"], "also": []} == counts["stated"]["prompt_tokens"]
        assert [
            {"name": "input", "number": 1000, "rate_pusd": 150_000, "cost_pusd": 150_000_000},
            {"name": "output", "number": 100, "rate_pusd": 600_000, "cost_pusd": 60_000_000},
        ] == counts["verdict"]["price"]["parts"]
