"""Budgets, through the real SDK."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.context import Context

from otel_session_agg import Budget, BudgetExceeded, Rollup, SessionAggError, end_session, session
from otel_session_agg.stores import MemoryStore
from tests.support.apps import CALL, DEADLINE_SECONDS, App, below, in_threads

pytestmark = pytest.mark.oldest_sdk


class Told:
    """Notes who was told of what, and when."""

    def __init__(self) -> None:
        self.errors: list[BudgetExceeded] = []
        self.times: list[float] = []
        self.threads: list[threading.Thread] = []
        self.once = threading.Event()

    def __call__(self, error: BudgetExceeded) -> None:
        """Note it."""
        self.errors.append(error)
        self.times.append(time.monotonic())
        self.threads.append(threading.current_thread())
        self.once.set()

    @property
    def sessions(self) -> list[str]:
        """Sessions in the order in which they were told of."""
        return [error.session_id for error in self.errors]


def exceeded(budget: Budget) -> bool:
    """Whether the check raises."""
    try:
        budget.check()
    except BudgetExceeded:
        return True
    return False


class TestCheck:
    """``check()``."""

    @pytest.mark.parametrize(
        ("limits", "expected"),
        [
            ({"total_tokens": 30}, [False, False, True]),
            ({"total_tokens": 29}, [False, True, True]),
            ({"total_tokens": 0}, [True, True, True]),
            ({"cost_usd": 40.0}, [False, False, True]),
            ({"cost_usd": 39.999999}, [False, True, True]),
            ({"cost_usd": 0}, [True, True, True]),
            ({"cost_usd": 1000, "total_tokens": 30}, [False, False, True]),
            ({"cost_usd": 20, "total_tokens": 1000}, [False, True, True]),
        ],
    )
    def test_limits(self, limits: dict[str, Any], expected: list[bool], app: App) -> None:
        """It raises when the session has used more than one of the limits: not below and not at it; over all traces."""
        budget = Budget(**limits)
        found = []
        with session("s", budget=budget):
            assert not exceeded(budget)
            for _ in expected:
                app.trace(1)
                found.append(exceeded(budget))
        assert expected == found

    def test_figures(self, app: App) -> None:
        """The error has the session, its totals and the limits, and says so."""
        budget = Budget(cost_usd=1.5, total_tokens=10)
        with session("s", budget=budget):
            app.trace(2)
            with pytest.raises(BudgetExceeded) as caught:
                budget.check()
        error = caught.value
        assert ("s", 30, 40.0, 1.5, 10) == (
            error.session_id,
            error.rollup.total_tokens,
            error.rollup.cost_usd,
            error.cost_usd,
            error.total_tokens,
        )
        assert "session s has used 40.000000 USD of 1.500000 USD and 30 of 10 tokens" == str(error)
        assert isinstance(error, SessionAggError)

    def test_crosses_processes(self) -> None:
        """The error can be sent from one process to another, as pools of workers do."""
        error = BudgetExceeded("s", Rollup(total_tokens=3), None, 2)
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
        assert (str(error), error.session_id, error.rollup, None, 2) == (
            str(copied),
            copied.session_id,
            copied.rollup,
            copied.cost_usd,
            copied.total_tokens,
        )

    def test_in_an_open_trace(self, app: App) -> None:
        """What has ended in a trace that goes on counts."""
        budget = Budget(total_tokens=15)
        with session("s", budget=budget), app.tracer.start_as_current_span("request"):
            app.call()
            assert not exceeded(budget)
            app.call()
            assert exceeded(budget)

    def test_unknown_cost(self, app: App) -> None:
        """Calls without a price count for tokens, not for cost."""
        cost, tokens = Budget(cost_usd=0.0), Budget(total_tokens=1, cost_usd=1)
        with session("s", budget=cost), session("s", budget=tokens):
            app.call(**{"gen_ai.request.model": "nobody-knows"})
            assert not exceeded(cost)
            with pytest.raises(BudgetExceeded, match=r"has used an unknown amount of 1\.000000 USD and 15 of 1 tokens"):
                tokens.check()
            app.call()
            assert exceeded(cost)

    def test_block(self, app: App) -> None:
        """The block checks its own budget, without one nothing."""
        with session("s", budget=Budget(total_tokens=1)) as block, session("s") as inner:
            app.trace()
            inner.check()
            with pytest.raises(BudgetExceeded):
                block.check()

    def test_after_the_block(self, app: App) -> None:
        """Outside it speaks of the session that it was given to last; before, of none."""
        budget = Budget(total_tokens=20)
        budget.check()
        for name, number in (("one", 2), ("two", 1)):
            with session(name, budget=budget):
                app.trace(number)
        assert not exceeded(budget)
        with session("one", budget=budget):
            pass
        assert exceeded(budget)

    def test_shared(self, app: App) -> None:
        """One budget for many sessions, also at once: each has all of it, and inside a block it is about that session."""
        budget = Budget(total_tokens=20)
        found: dict[int, bool] = {}
        barrier = threading.Barrier(4)

        def work(index: int) -> None:
            with session(f"s{index}", budget=budget):
                app.trace(1 + index % 2)
                barrier.wait(10)
                found[index] = exceeded(budget)

        in_threads(4, work)
        assert {0: False, 1: True, 2: False, 3: True} == found

    def test_nested(self, app: App) -> None:
        """Blocks in blocks: each budget is about its own session."""
        outer, inner = Budget(total_tokens=40), Budget(total_tokens=20)
        with session("outer", budget=outer):
            app.trace(2)
            with session("inner", budget=inner):
                app.trace(2)
                assert [False, True] == [exceeded(outer), exceeded(inner)]
            app.trace(1)
            assert [True, True] == [exceeded(outer), exceeded(inner)]

    def test_decorated(self, app: App) -> None:
        """A decorated function has the budget in each of its calls."""
        budget = Budget(total_tokens=20)

        @session(budget=budget)
        def turn(number: int) -> bool:
            app.trace(number)
            return exceeded(budget)

        assert [False, True, False] == [turn(1), turn(2), turn(1)]

    def test_agent_loop(self, app: App) -> None:
        """An agent loop that checks before each call stops itself after the one that was too much."""
        budget = Budget(cost_usd=70)
        costs: list[float | None] = []
        with session("agent", budget=budget) as block, app.tracer.start_as_current_span("invoke_agent"), suppress(BudgetExceeded):
            while len(costs) < 100:
                budget.check()
                app.call()
                costs.append(block.rollup().cost_usd)
        assert [20.0, 40.0, 60.0, 80.0] == costs

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"cost_usd": -1},
            {"total_tokens": -1},
            {"cost_usd": float("nan")},
            {"cost_usd": float("inf")},
            {"total_tokens": True},
            {"cost_usd": "1"},
            {"total_tokens": object()},
        ],
    )
    def test_wrong(self, wrong: dict[str, Any]) -> None:
        """A budget without a limit, or with one that is none, is refused."""
        with pytest.raises(ValueError, match=r"is not allowed: use a number from 0|a budget needs cost_usd or total_tokens"):
            Budget(**wrong)


class TestOnExceeded:
    """``on_exceeded``."""

    def test_once(self, app: App) -> None:
        """It is called once per session, however much more is used, with what ``check`` would raise."""
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)):
            app.trace(1)
            app.turn()
            assert [] == told.sessions
            for _ in range(5):
                app.trace(1)
                app.turn()
        assert ["s"] == told.sessions
        assert (30, 20) == (told.errors[0].rollup.total_tokens, told.errors[0].total_tokens)

    def test_in_time(self, make: Callable[..., App], record_property: Callable[[str, object], None]) -> None:
        """It is called soon after the end of the span that was too much, while trace and session go on, on another thread."""
        app = make(quiet=False)
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)), app.tracer.start_as_current_span("request"):
            app.call()
            assert not told.once.is_set()
            ended = time.monotonic()
            app.call()
            assert told.once.wait(DEADLINE_SECONDS)
        seconds = told.times[0] - ended
        record_property("seconds", seconds)
        print(f"on_exceeded after {1000 * seconds:.1f} ms")  # noqa: T201 -- of interest; on a busy machine it takes longer
        assert seconds < 1.0
        assert [threading.current_thread()] != told.threads

    def test_in_time_in_live_mode(self, make: Callable[..., App]) -> None:
        """In live mode, too."""
        app = make(live=True, quiet=False)
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)), app.tracer.start_as_current_span("request"):
            app.call()
            app.call()
            assert told.once.wait(DEADLINE_SECONDS)
        assert True is app.attributes("request")["metadata.budget_exceeded"]

    def test_raising(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """A callback that raises harms neither the application nor the spans nor the other callbacks."""
        told = Told()

        def bad(error: BudgetExceeded) -> None:
            raise error

        with (
            session("s", budget=Budget(total_tokens=1, on_exceeded=told)),
            session("s", budget=Budget(total_tokens=1, on_exceeded=bad)),
        ):
            app.trace(2)
        end_session("s")
        app.flush()
        assert ["s"] == told.sessions
        assert 30 == app.attributes("request")["metadata.total_tokens"]
        assert 3 == len(app.named("chat")) + len(app.named("request"))
        assert {"a callback": 1} == app.span_worker.faults()
        assert 1 == len([message for message in caplog.messages if "a callback failed: BudgetExceeded" in message])
        assert ["s"] == [record.session_id for record in app.records]

    def test_callback_that_uses_everything(self, make: Callable[..., App]) -> None:
        """A callback may check, ask, end the session, trace and flush."""
        app = make(quiet=False)
        done = threading.Event()
        found: list[Any] = []
        budget = Budget(total_tokens=20)

        def react(error: BudgetExceeded) -> None:
            found.append(exceeded(budget))
            with session("audit"):
                app.trace(1)
            end_session(error.session_id)
            found.append(app.provider.force_flush(5000))
            done.set()

        budget.on_exceeded = react
        with session("s", budget=budget):
            app.trace(2)
        assert done.wait(DEADLINE_SECONDS)
        assert [True, True] == found
        app.flush()
        assert ["s"] == [record.session_id for record in app.records]

    def test_shared(self, app: App) -> None:
        """A shared budget tells of each session once."""
        told = Told()
        budget = Budget(total_tokens=20, on_exceeded=told)
        for _ in range(2):
            for name, number in (("one", 2), ("two", 1), ("three", 3)):
                with session(name, budget=budget):
                    app.trace(number)
                app.turn()
        assert ["one", "three", "two"] == told.sessions

    def test_nested_same_session(self, app: App) -> None:
        """Budgets of blocks around with the same session hold inside, each on its own."""
        told = [Told(), Told(), Told()]
        with (
            session("s", budget=Budget(total_tokens=40, on_exceeded=told[0])),
            session("s", budget=Budget(total_tokens=20, on_exceeded=told[1])),
            session("s"),
        ):
            app.trace(1)
            app.turn()
            assert [0, 0] == [len(one.errors) for one in told[:2]]
            app.trace(1)
            app.turn()
            assert [0, 1] == [len(one.errors) for one in told[:2]]
            app.trace(1)
            app.turn()
        assert [1, 1] == [len(one.errors) for one in told[:2]]

    def test_late_span(self, app: App) -> None:
        """A span that ends after its root left counts."""
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)):
            root = app.tracer.start_span("request")
            late = app.tracer.start_span("chat", below(root), attributes=CALL)
            app.call(below(root))
            root.end()
            app.flush()
        assert "metadata.budget_exceeded" not in app.attributes("request")
        late.end()
        app.turn()
        assert ["s"] == told.sessions

    def test_several_processors(self, make: Callable[..., App]) -> None:
        """Two processors that see the same spans tell once."""
        apps = [make(), make()]
        apps[0].provider.add_span_processor(apps[1].processor)
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)):
            apps[0].trace(2)
        for app in apps:
            app.turn()
        assert ["s"] == told.sessions

    def test_at_once(self) -> None:
        """Of threads that find it at once, one tells."""
        budget = Budget(total_tokens=1)
        news: list[str] = []
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            in_threads(4, lambda _: news.extend(str(n) for n in range(1000) if budget.is_news(str(n))))
        finally:
            sys.setswitchinterval(interval)
        assert 1000 == len(news)

    def test_nothing_is_kept(self, app: App) -> None:
        """Budgets of sessions that have ended are forgotten."""
        for number in range(10):
            with session(f"s{number}", budget=Budget(total_tokens=1), end_on_exit=True):
                app.trace(1)
        app.turn()
        assert 0 == len(app.span_worker.pipeline.manager.budgets)

    def test_lone_calls(self, app: App) -> None:
        """A call that nothing is above tells, too; once, however many follow."""
        told = Told()
        with session("s", budget=Budget(total_tokens=20, on_exceeded=told)):
            for number in range(4):
                app.call()
                app.turn()
                assert (number > 0) == len(told.sessions)
        assert ["s"] == told.sessions


class TestRoot:
    """What stands on the root."""

    @pytest.mark.parametrize("live", [True, False])
    @pytest.mark.parametrize(("number", "expected"), [(1, None), (2, None), (3, True)])
    def test_only_then(self, number: int, expected: bool | None, live: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- pytest's way
        """The root says that a budget was exceeded when it was, and only then."""
        app = make(live=live)
        with session("s", budget=Budget(total_tokens=30)):
            app.trace(number)
        app.flush()
        assert expected is app.attributes("request").get("metadata.budget_exceeded")

    def test_over_traces(self, app: App) -> None:
        """It is about the session: the root of the trace that was too much says so, and those behind it."""
        with session("s", budget=Budget(total_tokens=30)):
            for _ in range(4):
                app.trace(1)
                app.turn()
        with session("other", budget=Budget(total_tokens=30)):
            app.trace(1)
        app.flush()
        found = [(span.attributes or {}).get("metadata.budget_exceeded") for span in app.named("request")]
        assert [None, None, True, True, None] == found

    def test_without_callback_or_check(self, app: App) -> None:
        """The application goes on: nothing is enforced behind its back."""
        with session("s", budget=Budget(total_tokens=1)):
            app.trace(50)
        app.flush()
        assert 750 == app.attributes("request")["metadata.total_tokens"]


class TestRecord:
    """What the record of a session says of its budgets."""

    @pytest.mark.parametrize(("total_tokens", "expected"), [(29, True), (30, None)])
    @pytest.mark.parametrize("reason", ["end_session", "idle", "shutdown"])
    def test_says_so(self, total_tokens: int, expected: bool | None, reason: str, make: Callable[..., App]) -> None:  # noqa: FBT001 -- of the table
        """It says that the session has used more, however it ends, and nothing when it has not."""
        app = make(session_records=True)
        with session("s", budget=Budget(total_tokens=total_tokens)):
            app.trace(2)
        if reason == "end_session":
            end_session("s")
        elif reason == "idle":
            app.turn()
            app.turn(1801)
        else:
            app.provider.shutdown()
        app.flush() if reason != "shutdown" else None
        (record,) = app.records
        assert (reason, expected is True) == (record.end_reason, record.is_budget_exceeded)
        assert expected is app.attributes("session").get("metadata.budget_exceeded")

    def test_below_an_open_root(self, app: App) -> None:
        """So it is when the root that used it is still open, and in the records that follow."""
        with session("s", budget=Budget(total_tokens=29)) as block:
            root = app.tracer.start_span("request")
            for _ in range(2):
                app.call(below(root))
            block.end()
            app.turn()
            app.turn(5.0)
            root.end()
        app.turn()
        app.provider.shutdown()
        assert [(True, True), (False, True)] == [(record.is_partial, record.is_budget_exceeded) for record in app.records]

    def test_over_processes(self, make: Callable[..., App]) -> None:
        """One process that finds it is enough, whoever writes the record."""
        store = MemoryStore()
        here, there = make(quiet=False, store=store), make(quiet=False, store=store)
        with session("s", budget=Budget(total_tokens=29)):
            here.trace(2)
        here.flush()
        here.provider.shutdown()
        with session("s"):
            there.trace(1)
        end_session("s")
        there.flush()
        assert [(45, True)] == [(record.rollup.total_tokens, record.is_budget_exceeded) for record in there.records]


class TestOverProcesses:
    """Two processors that share a store, as two processes do."""

    def test_others_count(self, make: Callable[..., App]) -> None:
        """What another process uses counts here: the callback is called, ``check`` raises and the root says so."""
        store = MemoryStore()
        here, there = make(quiet=False, store=store), make(quiet=False, store=store)
        told = Told()
        budget = Budget(total_tokens=50, on_exceeded=told)
        with session("s", budget=budget):
            here.trace(1)
            here.flush()
            with here.tracer.start_as_current_span("request"):
                here.call()
                assert not exceeded(budget)
                for _ in range(2):  # outside of the block, which the other process does not know
                    there.call(Context(), **{"session.id": "s"})
                assert told.once.wait(DEADLINE_SECONDS)
                with pytest.raises(BudgetExceeded) as caught:
                    budget.check()
                assert 60 == caught.value.rollup.total_tokens
        here.flush()
        assert ["s"] == told.sessions
        assert [None, True] == [(span.attributes or {}).get("metadata.budget_exceeded") for span in here.named("request")]

    def test_each_tells(self, make: Callable[..., App]) -> None:
        """Each process has its own budget object, and each is told."""
        store = MemoryStore()
        apps = [make(quiet=False, store=store) for _ in range(2)]
        told = [Told(), Told()]
        for app, one in zip(apps, told, strict=True):
            with session("s", budget=Budget(total_tokens=20, on_exceeded=one)):
                app.trace(1)
        for one in told:
            assert one.once.wait(DEADLINE_SECONDS)
            assert ["s"] == one.sessions

    def test_below(self, make: Callable[..., App]) -> None:
        """Totals of all processes at the limit are not above it."""
        store = MemoryStore()
        apps = [make(quiet=False, store=store) for _ in range(2)]
        told = Told()
        budget = Budget(total_tokens=30, on_exceeded=told)
        with session("s", budget=budget) as block:
            apps[0].trace(1)
        with session("s"):
            apps[1].trace(1)
        for app in apps:
            app.flush()
        assert 30 == block.rollup(wait_seconds=DEADLINE_SECONDS).total_tokens
        assert not exceeded(budget)
        assert [] == told.sessions


class TestRepresentation:
    """A budget for people."""

    def test_line(self) -> None:
        """Its limits, and the session that it was given to last."""
        assert "<Budget 0.005000 USD and 2000 tokens>" == repr(Budget(cost_usd=0.005, total_tokens=2000))
        assert "<Budget 5.000000 USD, per user, period day, strict yes>" == repr(
            Budget(cost_usd=5, per="user", period="day", strict=True)
        )
        budget = Budget(total_tokens=1)
        with session("s\x1b<b>", budget=budget):
            assert r"<Budget 1 token, session s\x1b<b>>" == repr(budget)
            assert "&lt;b&gt;" in budget._repr_html_()

    def test_message(self) -> None:
        """What ``check`` raises says figures as everything else does, and an id moves nobody's cursor."""
        error = BudgetExceeded("s\x1b", Rollup(num_computed=1, cost_pusd=1, total_tokens=7), 1e-7, 1)
        assert r"session s\x1b has used <0.000001 USD of <0.000001 USD and 7 of 1 tokens" == str(error)
