"""The examples that need no more than the ``test`` extra: what they export and print is what their model server has served."""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any

import openai
import pytest

from otel_session_agg import attributes as n
from tests.support.paths import EXAMPLES
from tests.support.programs import GPT_4O, GPT_4O_MINI, HAS_EXAMPLES, Prices, Ran, Usage, call_usage, model_server, run, usage_of

if not HAS_EXAMPLES:
    pytest.skip("the examples are not here", allow_module_level=True)


@pytest.fixture
def server() -> Iterator[Any]:
    with model_server().running() as server:
        yield server


@pytest.fixture
def client(server: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="not-a-key", max_retries=0) as client:
        yield client


@cache
def ran_once(program: str) -> Ran:
    return run(program)


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> Ran:
    """The program that a class is about, run once."""
    return ran_once(request.cls.PROGRAM)


class TestReadme:
    """The table of ``examples/README.md``."""

    TEXT = (EXAMPLES / "README.md").read_text("utf-8")
    HELPERS = frozenset({"model_server.py", "exporter.py"})

    def test_names_every_program(self) -> None:
        """Each program and each folder has a row, and nothing else has."""
        there = {path.name for path in EXAMPLES.iterdir() if path.suffix == ".py"} - self.HELPERS
        there |= {f"{path.name}/" for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
        assert there == set(re.findall(r"^\| \[`([^`]+)`\]", self.TEXT, flags=re.MULTILINE))

    def test_prints_what_it_says(self) -> None:
        """The output that is shown is that of the program above it."""
        ((program, output),) = re.findall(r"\$ python examples/(\S+)\n([^`]*)```", self.TEXT)
        assert output == ran_once(program).stdout


class TestModelServer:
    """What all of them are held against."""

    def test_started(self) -> None:
        """It answers until the process ends, also when only its address is kept, as Celery's and Lambda's examples do."""
        base_url = model_server().start().base_url
        gc.collect()
        client = openai.OpenAI(base_url=base_url, api_key="not-a-key", max_retries=0)
        assert client.chat.completions.create(model="m", messages=[{"role": "user", "content": "How are you?"}]).choices

    def test_counts_what_it_says(self, server: Any, client: openai.OpenAI) -> None:
        """The usage that the client reads is that which the server notes, and differs from answer to answer."""
        messages: list[Any] = []
        told = []
        for question in ("How are you?", "And what about the weather?"):
            messages.append({"role": "user", "content": question})
            answer = client.chat.completions.create(model="m", messages=messages, prompt_cache_key="chat")
            messages.append(answer.choices[0].message.model_dump(exclude_none=True))
            usage = answer.usage
            assert usage is not None
            cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
            told.append((usage.prompt_tokens, cached, usage.completion_tokens))
        assert told == [tuple(one.usage) for one in server.served]
        assert {("chat", "m")} == {(one.key, one.model) for one in server.served}
        assert told[1][1] == told[0][0]  # what was sent before is cached
        assert told[0] != told[1]

    def test_asks_for_tools(self, client: openai.OpenAI) -> None:
        """Each tool once, again after an error, and then an answer."""
        parameters = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
        tools: Any = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in ("look", "tell")]
        said = iter(["error: try again", "rain", "told"])
        messages: list[Any] = [{"role": "user", "content": "What about Oslo?"}]
        asked = []
        while calls := (
            message := client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
        ).tool_calls:
            asked.append((calls[0].function.name, calls[0].function.arguments))  # type: ignore[union-attr]  # no custom tools
            messages += [
                message.model_dump(exclude_none=True),
                {"role": "tool", "tool_call_id": calls[0].id, "content": next(said)},
            ]
        assert [(name, '{"city": "Oslo", "days": 4}') for name in ("look", "look", "tell")] == asked
        assert message.content == f"I have read {3 + 3 + 1 + 1 + 3} words."


class TestQuickstart:
    """The first thing that anybody runs."""

    PROGRAM = "quickstart.py"

    def test_root_is_exact(self, ran: Ran) -> None:
        """The root of the answer has the tokens of its two calls, and their cost at the prices of two models."""
        totals = ran.totals("answer a question")
        assert ran.served == [usage_of(totals)]
        assert 2 == totals[n.NUM_MODEL_EVENTS]
        assert ["gpt-4o", "gpt-4o-mini"] == totals[n.MODELS]
        calls = [call.attributes for call in ran.calls]
        assert ["gpt-4o-mini", "gpt-4o"] == [call["llm.model_name"] for call in calls]
        costs = [price.cost_usd(call_usage(call)) for price, call in zip((GPT_4O_MINI, GPT_4O), calls, strict=True)]
        assert pytest.approx(sum(costs), rel=1e-12) == totals[n.COST]

    def test_says_so(self, ran: Ran) -> None:
        """It prints the root's cost and tokens, and what was served."""
        totals = ran.totals("answer a question")
        assert f"answer a question {totals[n.COST]} USD {totals[n.TOTAL_TOKENS]} tokens" == ran.lines[0]
        assert ran.lines[1].startswith(f"the model server counted 2 calls, {totals[n.TOTAL_TOKENS]} tokens ")

    def test_needs_no_backend(self, ran: Ran) -> None:
        """It prints the same when nobody is there to send to."""
        alone = run(self.PROGRAM, OTEL_TRACES_EXPORTER="none")
        assert ([], ran.lines, "") == (alone.spans, alone.lines, alone.stderr)


class TestSessionsAndFeedback:
    """Chats of several requests, told of by records."""

    PROGRAM = "sessions_and_feedback.py"

    CHATS = {"chat-1": ("ada", 3), "chat-2": ("grace", 2), "chat-3": ("ada", 1)}  # noqa: RUF012 -- a table

    def test_records_are_exact(self, ran: Ran) -> None:
        """Each chat of several requests has what the model server counted for it, and that of one has it on its root."""
        for (chat, (user, requests)), served in zip(self.CHATS.items(), ran.served, strict=True):
            record = ran.record(chat)
            if requests == 1:
                (root,) = [root.attributes for root in ran.roots if root.attributes[n.SESSION_ID] == chat]
                assert (None, served, GPT_4O_MINI.cost_usd(served)) == (record, usage_of(root), root[n.COST])
                continue
            assert served == usage_of(record)
            assert record is not None
            assert GPT_4O_MINI.cost_usd(served) == record[n.COST]
            names = (n.USER_ID, "metadata.plan", n.NUM_TRACES, n.NUM_MODEL_EVENTS)
            assert (user, "pro", requests, requests) == tuple(record[name] for name in names)

    def test_feedback_is_on_them(self, ran: Ran) -> None:
        """Feedback inside a request is in the first record, feedback after the end makes another one."""
        found = {(r.attributes[n.SESSION_ID], r.attributes[n.REVISION]): r.attributes[n.HAS_FEEDBACK] for r in ran.records}
        assert {("chat-1", 1): False, ("chat-1", 2): True, ("chat-2", 1): True} == found

    def test_feedback_is_exported(self, ran: Ran) -> None:
        """Each feedback is a span of its chat."""
        feedback = [span.attributes[n.SESSION_ID] for span in ran.spans if span.name == n.FEEDBACK_SPAN]
        assert ["chat-1", "chat-2"] == sorted(map(str, feedback))

    def test_each_request_is_a_root(self, ran: Ran) -> None:
        """Six traces with one call each."""
        expected = {chat: requests for chat, (_, requests) in self.CHATS.items()}
        assert expected == Counter(root.attributes[n.SESSION_ID] for root in ran.roots)
        assert {1} == {root.attributes[n.NUM_MODEL_EVENTS] for root in ran.roots}
        assert sum(expected.values()) == len({root.trace_id for root in ran.roots})

    def test_says_so(self, ran: Ran) -> None:
        """It prints each record, also in the words of the callback, and what was used before the end."""
        for record in map(dict[str, Any], (record.attributes for record in ran.records)):
            session_id, total, cost = (record[name] for name in (n.SESSION_ID, n.TOTAL_TOKENS, n.COST))
            assert f"session {session_id} {cost} USD {total} tokens" in ran.lines
            (told,) = [line for line in ran.lines if re.match(f"{session_id} .* revision {record[n.REVISION]}: ", line)]
            feedback = "feedback" if record[n.HAS_FEEDBACK] else "no feedback"
            assert told.endswith(f" {total} tokens, {cost} USD, {feedback}")
        assert f"so far: {ran.record('chat-1')[n.TOTAL_TOKENS]} tokens in chat-1" == ran.lines[0]  # type: ignore[index]


class TestCostReport:
    """What finance asks of a store."""

    PROGRAM = "cost_report.py"

    CALLS = (
        ("ada", "2026-01-12", GPT_4O, 21_000, 900),
        ("ada", "2026-01-12", GPT_4O_MINI, 4_000, 350),
        ("ada", "2026-01-13", GPT_4O, 48_000, 2_100),
        ("ada", "2026-01-13", GPT_4O_MINI, 9_000, 700),
        ("grace", "2026-01-12", GPT_4O_MINI, 12_000, 640),
        ("grace", "2026-01-13", GPT_4O_MINI, 2_500, 210),
        ("grace", "2026-01-13", GPT_4O_MINI, 2_900, 95),
        ("lin", "2026-01-13", GPT_4O, 6_400, 380),
        ("lin", "2026-01-13", GPT_4O, 7_100, 420),
    )
    """All that have a price: user, day, price, prompt and completion tokens."""

    def _cost_usd(self, *, user: str = "", day: str = "", price: Prices | None = None) -> float:
        chosen = [call for call in self.CALLS if user in {"", call[0]} and day in {"", call[1]} and price in {None, call[2]}]
        return sum(call[2].cost_usd(Usage(*call[3:], 0)) for call in chosen)

    def test_groups_are_exact(self, ran: Ran) -> None:
        """Each user and day has what its calls cost, and so has the total."""
        rows = re.findall(r"^(ada|grace|lin) +(2026-01-1\d) +\d +([\d.]+)$", ran.stdout, flags=re.MULTILINE)
        assert {(user, day) for user, day, *_ in self.CALLS} == {(user, day) for user, day, _ in rows}
        assert [f"{self._cost_usd(user=user, day=day):.6f}" for user, day, _ in rows] == [cost for *_, cost in rows]
        assert f"total                     6  {self._cost_usd():.6f}" in ran.lines

    def test_csv_is_exact(self, ran: Ran) -> None:
        """In CSV the costs have all of their digits; rows are sorted by them, and an unknown one is blank."""
        lines = [line.split(",") for line in ran.lines if line.count(",") > 5]
        rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
        expected = {
            ("ada", "gpt-4o"): self._cost_usd(user="ada", price=GPT_4O),
            ("lin", "gpt-4o"): self._cost_usd(user="lin"),
            ("grace", "gpt-4o-mini"): self._cost_usd(user="grace"),
            ("ada", "gpt-4o-mini"): self._cost_usd(user="ada", price=GPT_4O_MINI),
            ("ada", "our-own-model"): None,
            ("total", ""): self._cost_usd(),
        }
        assert [*expected] == [(row["user"], row["model"]) for row in rows]
        assert [*expected.values()] == [pytest.approx(float(row["cost"]), rel=1e-12) if row["cost"] else None for row in rows]

    def test_models_are_exact(self, ran: Ran) -> None:
        """Each model has what its calls cost."""
        rows = dict(re.findall(r"^(g\S+) +\d+ +\d+ +\d+ +([\d.]+) +0 +0$", ran.stdout, flags=re.MULTILINE))
        expected = {"gpt-4o": self._cost_usd(price=GPT_4O), "gpt-4o-mini": self._cost_usd(price=GPT_4O_MINI)}
        assert {name: f"{cost:.6f}" for name, cost in expected.items()} == rows

    def test_readme_shows_it(self, ran: Ran) -> None:
        """The table on the page of examples is the first one that is printed."""
        readme = (EXAMPLES / "README.md").read_text("utf-8")
        command, table = ran.stdout.strip().partition("\n\n")[0].split("\n", 1)
        assert f"{command}\n{table}\n```" in readme


class TestAgentsAndTools:
    """What a developer asks of agents."""

    PROGRAM = "agents_and_tools.py"

    def _rows(self, ran: Ran) -> dict[tuple[str, str], tuple[int, int, float]]:
        found = re.findall(r"^(model|agent|tool) +(\S+) +(\d+) calls +(\d+) tokens +([\d.]+) USD", ran.stdout, flags=re.MULTILINE)
        return {(kind, name): (int(calls), int(tokens), float(cost)) for kind, name, calls, tokens, cost in found}

    def test_rows_are_exact(self, ran: Ran) -> None:
        """Planner and writer have what their models were called for, and the tool what the writer in it was."""
        calls = [(call.attributes["llm.model_name"], call_usage(call.attributes)) for call in ran.calls]
        large = [usage for model, usage in calls if model == "gpt-4o"]
        (small,) = [usage for model, usage in calls if model == "gpt-4o-mini"]
        planner = (3, sum(usage.prompt + usage.completion for usage in large), sum(map(GPT_4O.cost_usd, large)))
        writer = (1, small.prompt + small.completion, GPT_4O_MINI.cost_usd(small))
        expected = {
            ("model", "gpt-4o"): planner,
            ("model", "gpt-4o-mini"): writer,
            ("agent", "planner"): planner,
            ("agent", "writer"): writer,
            ("tool", "find_trains"): (1, 0, 0),
            ("tool", "write_text"): writer,
            ("tool", "none"): (0, *planner[1:]),
        }
        assert {key: pytest.approx(row, rel=1e-9) for key, row in expected.items()} == self._rows(ran)

    def test_root_has_them(self, ran: Ran) -> None:
        """The root has the same rows."""
        totals = ran.totals("invoke_agent planner")
        for name, key in (("model", n.BY_MODEL), ("agent", n.BY_AGENT), ("tool", n.BY_TOOL)):
            rows = {row: (one["calls"], one.get("cost", 0)) for row, one in json.loads(totals[key]).items()}
            assert {
                row: (calls, pytest.approx(cost)) for (kind, row), (calls, _, cost) in self._rows(ran).items() if kind == name
            } == rows

    def test_waits(self, ran: Ran) -> None:
        """The stream states its first token, and all figures of time are within the whole."""
        waits = {
            name: float(ms)
            for name, ms in re.findall(r"^(.+?) {2,}([\d.]+) ms$", ran.stdout, flags=re.MULTILINE)
            if "USD" not in name
        }
        assert 6 == len(waits)
        assert 0 < min(waits.values())
        assert max(waits.values()) == waits["all of it"]

    def test_explains(self, ran: Ran) -> None:
        """The sum of the explanation is the cost of the root."""
        (cost,) = re.findall(r"^ +sum of 4 model calls: .* ([\d.]+)$", ran.stdout, flags=re.MULTILINE)
        assert pytest.approx(ran.totals("invoke_agent planner")[n.COST], rel=1e-9) == float(cost)


class TestBudgetInAgentLoop:
    """An agent that nobody but its budget stops."""

    PROGRAM = "budget_in_agent_loop.py"

    BUDGET_USD = 0.005

    @pytest.fixture
    def costs(self, ran: Ran) -> list[float]:
        """What each call has cost, in order, by what the instrumentation wrote of it."""
        return [GPT_4O.cost_usd(call_usage(call.attributes)) for call in ran.calls]

    def test_stops_before_the_next_call(self, ran: Ran, costs: list[float]) -> None:
        """The call that was too much was the last one: none but it would have been within the budget without it."""
        assert sum(costs[:-1]) <= self.BUDGET_USD < sum(costs)
        assert f"the model server counted {len(costs)} calls, " in ran.lines[-1]

    def test_root_is_exact(self, ran: Ran) -> None:
        """The root has what was served, with the mark that it was more than the budget; a record would say the same."""
        totals = ran.totals("refund agent")
        assert ran.served == [usage_of(totals)]
        assert GPT_4O.cost_usd(ran.served[0]) == totals[n.COST]
        assert totals[n.BUDGET_EXCEEDED] is True
        assert ran.record("refund-4711") is None

    def test_says_so(self, ran: Ran, costs: list[float]) -> None:
        """It prints why it stopped."""
        totals = ran.totals("refund agent")
        assert f"stopped: session refund-4711 has used {totals[n.COST]:.6f} USD of 0.005000 USD" == ran.lines[0]
        assert f"after {len(costs)} calls and {len(costs)} tools" == ran.lines[1]
        assert len(costs) == totals[n.NUM_TOOL_EVENTS]


class TestCustomPrices:
    """The same calls at two price lists."""

    PROGRAM = "custom_prices.py"

    OURS = (
        Prices(2_000_000, 8_000_000, 1_000_000),
        Prices(120_000, 480_000, 120_000),
        Prices(2_000_000, 8_000_000, 500_000),  # the list price of gpt-4.1
        Prices(200_000, 200_000, 200_000),
        Prices(3_000_000, 15_000_000, 3_000_000),
        Prices(6_000_000, 22_500_000, 6_000_000),  # of a long prompt
    )
    LIST = (GPT_4O, GPT_4O_MINI, OURS[2])
    MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "acme-llama-8b", "acme-long", "acme-long")

    @pytest.mark.parametrize(("session_id", "prices"), [("list-prices", LIST), ("our-prices", OURS)])
    def test_calls_have_their_price(self, ran: Ran, session_id: str, prices: Sequence[Prices]) -> None:
        """Each call costs its tokens at the price of its model; what a call of a model without one costs, nobody knows."""
        of_session = [root for root in ran.roots if root.attributes[n.SESSION_ID] == session_id]
        roots = [root.attributes for root in sorted(of_session, key=lambda root: root.start_ns)]
        assert [(model,) for model in self.MODELS] == [tuple(root[n.MODELS]) for root in roots]  # type: ignore[arg-type]
        for root, price in zip_longest(roots, prices):
            if price is None:
                assert (None, 1) == (root.get(n.COST), root[n.NUM_UNPRICED_EVENTS])
            else:
                assert (price.cost_usd(usage_of(root)), None) == (root[n.COST], root.get(n.NUM_UNPRICED_EVENTS))

    def test_records_are_exact(self, ran: Ran) -> None:
        """Both sessions have the tokens that were served in each."""
        (served,) = ran.served
        once = Usage(served.prompt // 2, served.completion // 2, served.cached // 2)
        assert [once, once] == [usage_of(ran.record(session_id)) for session_id in ("list-prices", "our-prices")]

    @pytest.mark.parametrize(("session_id", "num_unpriced"), [("list-prices", 3), ("our-prices", 0)])
    def test_says_so(self, ran: Ran, session_id: str, num_unpriced: int) -> None:
        """It prints each call's cost and the sum of those that are known, which is that of the record."""
        record = ran.record(session_id)
        assert record is not None
        assert f"{session_id}: {record[n.COST]} USD, {num_unpriced} calls without a price" in ran.lines
        shown = [line for line in ran.lines if re.match(rf"{session_id} .* tokens  (unknown|[\d.]+ USD)$", line)]
        assert [*["USD"] * (6 - num_unpriced), *["unknown"] * num_unpriced] == [line.split()[-1] for line in shown]
        assert pytest.approx(record[n.COST]) == sum(float(line.split()[-2]) for line in shown if line.endswith("USD"))
