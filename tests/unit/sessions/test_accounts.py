"""Budgets per user, per any key and per period, through the real SDK."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context

from otel_session_agg import Budget, BudgetExceeded, BudgetUnknown, Rollup, SessionSpanProcessor, session
from otel_session_agg._api import blind_spots
from otel_session_agg._api import budget as _budgets
from otel_session_agg._model.budget_scopes import HOUR_NS
from otel_session_agg._sessions.accounts import Accounts
from otel_session_agg.stores import MemoryStore, open_store
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, DEADLINE_SECONDS, App, alone
from tests.support.servers import wait_until
from tests.unit.api.test_budget import Told

MIDNIGHT_NS = int(datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()) * 10**9
SECOND_NS = 10**9
CALL_USD = 20.0


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock that budgets look at."""

    def _at(at_ns: int) -> None:
        monkeypatch.setattr(_budgets, "wall_ns", lambda: at_ns)

    return _at


def used(budget: Budget) -> float | None:
    """What the check says was used, if it was too much."""
    try:
        budget.check()
    except BudgetExceeded as error:
        return error.rollup.cost_usd
    return None


def call_at(app: App, end_ns: int, above: Span | None = None) -> None:
    """A call that ended at a time."""
    context = set_span_in_context(above) if above is not None else None
    app.tracer.start_span("chat", context, attributes=CALL, start_time=end_ns - SECOND_NS).end(end_ns)


class TestOwners:
    """Whose budget it is."""

    def test_user(self, app: App) -> None:
        """All sessions of a user together, and of nobody else."""
        budget = Budget(2 * CALL_USD, per="user")
        found = []
        for number in range(3):
            for user in ("ada", "bob"):
                with session(f"{user}-{number}", user_id=user, budget=budget):
                    app.trace(1)
                    found.append((user, used(budget)))
        assert [("ada", None), ("bob", None)] * 2 + [("ada", 3 * CALL_USD), ("bob", 3 * CALL_USD)] == found

    def test_metadata(self, app: App) -> None:
        """Any name of the metadata, with values of any type."""
        budget = Budget(CALL_USD, per="tenant")
        found = []
        tenants: tuple[str | int, ...] = (1, "1", 2, 1)
        for number, tenant in enumerate(tenants):
            with session(f"s{number}", metadata={"tenant": tenant}, budget=budget):
                app.trace(1)
                found.append(used(budget))
        assert [None, None, None, 2 * CALL_USD] == found

    def test_session_and_period(self, app: App, at: Callable[[int], None]) -> None:
        """A session may use so much in each period."""
        budget = Budget(CALL_USD, period="day")
        with session("s", budget=budget), session("s", budget=Budget(1.5 * CALL_USD)) as inner:
            call_at(app, MIDNIGHT_NS - 1)
            call_at(app, MIDNIGHT_NS)
            at(MIDNIGHT_NS)
            assert used(budget) is None
            with pytest.raises(BudgetExceeded):
                inner.check()

    def test_blocks_around(self, app: App) -> None:
        """An inner block without a user belongs to the one around it; what it says itself counts more."""
        budget = Budget(CALL_USD, per="user")
        with session("outer", user_id="ada", budget=budget):
            with session("inner"):
                app.trace(1)
            with session("other", user_id="bob"):
                app.trace(5)
            assert used(budget) is None
            with session("inner"):
                app.trace(1)
                assert 2 * CALL_USD == used(budget)

    def test_users_of_one_session(self, app: App) -> None:
        """What a block says holds for what happens in it, also when the session has another user, and in one trace."""
        budget = Budget(CALL_USD, per="user")
        with app.tracer.start_as_current_span("job"):
            for user, number in (("ada", 1), ("bob", 2), ("ada", 0)):
                with session("s", user_id=user, budget=budget):
                    for _ in range(number):
                        app.call()
                    assert (2 * CALL_USD if user == "bob" else None) == used(budget)

    def test_without_a_block(self, app: App) -> None:
        """What a session's own spans say of it counts, too."""
        budget = Budget(CALL_USD, per="session", period="month")
        app.call(Context(), **{"session.id": "s"})
        app.call(Context(), **{"session.id": "s"})
        with session("s", budget=budget):
            assert 2 * CALL_USD == used(budget)

    def test_nobody(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """A block that names no user is not passed in silence."""
        with session("s", budget=Budget(1, per="user")) as block:
            app.trace(1)
            block.check()
        assert blind_spots.NO_OWNER in caplog.text
        with session("s", budget=Budget(1, per="user", strict=True)) as block, pytest.raises(BudgetUnknown):
            block.check()

    def test_shared_by_sessions(self, app: App) -> None:
        """A budget that several sessions have at once speaks of the one around the call."""
        budget = Budget(CALL_USD, per="user")
        with session("one", user_id="ada", budget=budget) as one, session("two", user_id="bob", budget=budget) as two:
            app.trace(2)
            with pytest.raises(BudgetExceeded, match="user bob has used 40"):
                two.check()
            one.check()

    def test_text(self, app: App) -> None:
        """The error says whose budget it was."""
        budget = Budget(1, per="user")
        with session("s", user_id="ada", budget=budget):
            app.trace(1)
            with pytest.raises(BudgetExceeded) as caught:
                budget.check()
        assert "user ada has used 20.000000 USD of 1.000000 USD" == str(caught.value)


class TestPeriods:
    """When it was."""

    def test_boundary(self, app: App, at: Callable[[int], None]) -> None:
        """A call counts in the period in which it ended, also when one trace and one batch have calls of both."""
        budgets = {period: Budget(CALL_USD * 1.5, per="user", period=period) for period in ("hour", "day", "month", None)}
        with app.tracer.start_as_current_span("job", start_time=MIDNIGHT_NS - 9 * SECOND_NS) as job:
            for budget in budgets.values():
                with session("s", user_id="ada", budget=budget):
                    call_at(app, MIDNIGHT_NS - SECOND_NS, job)
            with session("s", user_id="ada"):
                call_at(app, MIDNIGHT_NS, job)
        for at_ns, expected in ((MIDNIGHT_NS - SECOND_NS, 4 * CALL_USD), (MIDNIGHT_NS, None)):
            at(at_ns)
            for period, budget in budgets.items():
                assert (5 * CALL_USD if period is None else expected) == used(budget)

    @settings(max_examples=40)
    @given(
        ends=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=12),
        seed=st.integers(0, 2**32),
    )
    def test_any_order(self, ends: list[tuple[int, int, bool]], seed: int) -> None:
        """Whatever traces and batches the calls come in: each hour has what ended in it."""
        with pytest.MonkeyPatch.context() as patch, alone(patch) as make:
            app, budget = make(), Budget(0, per="user", period="hour")
            with session("s", user_id="ada", budget=budget):
                roots = [app.tracer.start_span("job", Context(), start_time=MIDNIGHT_NS - 9 * HOUR_NS) for _ in range(3)]
                for hour, root, turns in ends:
                    call_at(app, MIDNIGHT_NS + hour * HOUR_NS, roots[root])
                    if turns:
                        app.turn()
                for one in random.Random(seed).sample(roots, 3):  # noqa: S311 -- no secret
                    one.end(MIDNIGHT_NS + 9 * HOUR_NS)
                for hour in range(-3, 4):
                    patch.setattr(_budgets, "wall_ns", lambda hour=hour: MIDNIGHT_NS + hour * HOUR_NS)
                    assert (CALL_USD * sum(one == hour for one, _, _ in ends) or None) == used(budget)


class TestOnExceeded:
    """The callback, and what is written."""

    def test_once(self, app: App) -> None:
        """It is called once for each user and period, with what the check would raise."""
        told = Told()
        budget = Budget(CALL_USD, per="user", period="day", on_exceeded=told)
        for number in range(4):
            for user in ("ada", "bob"):
                with session(f"{user}{number}", user_id=user, budget=budget):
                    app.trace(1)
                    app.turn()
        assert ["user ada", "user bob"] == [error.whose.partition(" in ")[0] for error in told.errors]

    def test_roots(self, app: App) -> None:
        """The root that was too much and those that leave later say so, those of others do not."""
        budget = Budget(CALL_USD, per="user")
        for number, user in enumerate(("ada", "ada", "bob", "ada")):
            with session(f"s{number}", user_id=user, budget=budget):
                app.trace(1)
                app.turn()
        app.flush()
        marked = [(span.attributes or {}).get("metadata.budget_exceeded", False) for span in app.named("request")]
        assert [False, True, False, True] == marked

    def test_two_budgets(self, app: App) -> None:
        """Of two budgets of one user each is told of, and marks roots, by its own limit."""
        told = [Told(), Told()]
        tight, wide = (Budget(limit, per="user", on_exceeded=one) for limit, one in zip((CALL_USD, 1000), told, strict=True))
        for number, budget in enumerate((tight, wide, tight)):
            with session(f"s{number}", user_id="ada", budget=budget):
                app.trace(1)
                app.turn()
        app.flush()
        marked = [(span.attributes or {}).get("metadata.budget_exceeded", False) for span in app.named("request")]
        assert ([False, False, True], [1, 0]) == (marked, [len(one.errors) for one in told])


class TestOverProcesses:
    """Processes that share a store."""

    def test_others_count(self, make: Callable[..., App]) -> None:
        """What others have used counts as soon as it is asked for."""
        store = MemoryStore()
        apps = [make(quiet=False, store=store) for _ in range(2)]
        budget = Budget(2 * CALL_USD, per="user", period="day")
        for app in apps:
            with session("s", user_id="ada", budget=budget):
                app.trace(2)
        for app in apps:
            app.flush()
        with session("t", user_id="ada", budget=budget), pytest.raises(BudgetExceeded) as caught:
            budget.check(wait_seconds=DEADLINE_SECONDS)
        assert 4 * CALL_USD == caught.value.rollup.cost_usd

    def test_restart(self, make: Callable[..., App], tmp_path: Path) -> None:
        """What was used is known after a restart."""
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
        budget = Budget(2 * CALL_USD, per="user", period="month")
        found = []
        for _ in range(3):
            app = make(quiet=False, store=open_store(url))
            with session("s", user_id="ada", budget=budget) as block:
                try:
                    block.check(wait_seconds=DEADLINE_SECONDS)
                except BudgetExceeded as error:
                    found.append(error.rollup.cost_usd)
                app.trace(2)
            app.flush()
            app.provider.shutdown()
        assert [4 * CALL_USD] == found  # by the third


class TestBounds:
    """Memory."""

    def test_many_users(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """Of too many users those who were seen last are kept, and that is said."""
        app = make(max_sessions=10)
        budget = Budget(CALL_USD, per="user")
        for number in range(30):
            with session(f"s{number}", user_id=f"u{number}", budget=budget):
                app.trace(1)
                app.turn()
        accounts: Accounts = app.span_worker.pipeline.manager.accounts
        assert (10, 20) == (len(list(accounts)), accounts.num_forgotten)
        assert "totals of budgets are lost" in caplog.text
        assert {} == app.span_worker.faults()

    def test_asked_only(self) -> None:
        """Sessions that are only asked for are forgotten, too, when there are too many."""
        processor = SessionSpanProcessor(RecordingExporter(), store=MemoryStore(), settings={"max_sessions": 3})
        for number in range(10):
            with session(f"s{number}") as block:
                block.rollup(wait_seconds=0.1)
        lifecycle = processor._span_worker.pipeline.manager.lifecycle
        wait_until(lambda: 3 == len(lifecycle))
        processor.shutdown()

    def test_without_a_store(self, make: Callable[..., App]) -> None:
        """Without a store nothing waits to be written: not even of users and sessions that were forgotten."""
        app = make(max_sessions=2)
        for number in range(5):
            with session(f"s{number}", user_id=f"u{number}", budget=Budget(CALL_USD, per="user")):
                app.trace(1)
                app.turn()
        manager = app.span_worker.pipeline.manager
        assert ({}, {}, []) == (manager.accounts.unwritten, manager.lifecycle.unwritten, manager.lifecycle.forgotten)

    def test_without_budgets(self, app: App) -> None:
        """Without such budgets nothing is kept."""
        with session("s", user_id="ada", budget=Budget(1000)):
            app.trace(3)
            app.turn()
        manager = app.span_worker.pipeline.manager
        assert [] == list(manager.accounts)
        assert Rollup() == manager.accounts.get("ever::[]", "[]").rollup
