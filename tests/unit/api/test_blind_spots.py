"""Budgets that do not see what is used: nobody is left in the belief that they do."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from otel_session_agg import Budget, BudgetExceeded, BudgetUnknown, Rollup, session
from otel_session_agg._api import blind_spots
from otel_session_agg._guard import Guard
from tests.support.apps import App


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was warned of yet."""
    monkeypatch.setattr(blind_spots, "_warned", Guard(logging.getLogger("otel_session_agg")))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Reasons that were logged."""
    return [str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple) and "budget" in record.msg]


def reason(budget: Budget) -> str | None:
    """Why the check says that nothing is known, if it does."""
    try:
        budget.check()
    except BudgetUnknown as error:
        return error.reason
    return None


class Case:
    """A budget of each kind, asked about the same."""

    def __init__(self, cost_usd: float | None = 1000.0, total_tokens: int | None = None) -> None:
        self.lax = Budget(cost_usd, total_tokens)
        self.strict = Budget(cost_usd, total_tokens, strict=True)

    def reason(self) -> str | None:
        """The lax one passes; why the strict one does not."""
        with session("s", budget=self.lax):
            self.lax.check()
            self.lax.check()
        with session("s", budget=self.strict) as block:
            found = reason(self.strict)
            if found is None:
                block.check()
            else:
                with pytest.raises(BudgetUnknown):
                    block.check()
        return found


class TestReasons:
    """Each reason is logged once, and raised by strict budgets."""

    def test_nothing_missing(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """Where everything is seen nothing is said."""
        with session("s"):
            app.trace(1)
        for case in (Case(), Case(None, 1000)):
            assert case.reason() is None
            with app.tracer.start_as_current_span("request"):
                assert case.reason() is None
        assert [] == warnings(caplog)

    def test_no_processor(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """There is none, or not any more."""
        assert blind_spots.NO_PROCESSOR == Case().reason()
        app = make()
        assert Case().reason() is None
        app.provider.shutdown()
        assert blind_spots.NO_PROCESSOR == Case().reason()
        assert [blind_spots.NO_PROCESSOR] == warnings(caplog)

    def test_at_entry(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """A block with a budget says so by itself, for those who never check."""
        del make
        with session("s", budget=Budget(1)):
            pass
        assert [blind_spots.NO_PROCESSOR] == warnings(caplog)

    def test_disabled(self, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """The SDK is switched off."""
        del app
        monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
        assert blind_spots.DISABLED == Case().reason()
        assert [blind_spots.DISABLED] == warnings(caplog)

    @pytest.mark.parametrize("sampler", [ALWAYS_OFF, TraceIdRatioBased(0.0)])
    def test_sampled_out(self, sampler: Sampler, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """The root around the check does not record."""
        del app
        tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("tests")
        with tracer.start_as_current_span("request"), tracer.start_as_current_span("below"):
            assert blind_spots.NOT_RECORDING == Case().reason()
        assert [blind_spots.NOT_RECORDING] == warnings(caplog)

    def test_remote(self, app: App) -> None:
        """What the caller of this service decided holds: a sampled parent is followed, another one is not."""
        del app
        for flags, expected in ((TraceFlags.SAMPLED, None), (TraceFlags.DEFAULT, blind_spots.NOT_RECORDING)):
            above = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(flags))
            with use_span(NonRecordingSpan(above)):
                assert expected == Case().reason()

    @pytest.mark.parametrize(
        ("sampler", "expected"),
        [
            (ALWAYS_OFF, blind_spots.MAY_BE_SAMPLED_OUT),
            (ParentBased(ALWAYS_OFF), blind_spots.MAY_BE_SAMPLED_OUT),
            (TraceIdRatioBased(0.5), blind_spots.MAY_BE_SAMPLED_OUT),
            (ParentBased(TraceIdRatioBased(0.0)), blind_spots.MAY_BE_SAMPLED_OUT),
            (ParentBased(TraceIdRatioBased(1.0)), None),
            (DEFAULT_ON, None),
            (ALWAYS_ON, None),
        ],
    )
    def test_between_traces(self, sampler: Sampler, expected: str | None, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """Outside of any trace the sampler of the application says whether some are left out."""
        del app
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
        assert expected == Case().reason()

    def test_unpriced(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """A call without a price is missing in the cost, not in the tokens."""
        with session("s"):
            app.call(**{"gen_ai.request.model": "nobody-knows"})
        assert blind_spots.UNPRICED == Case().reason()
        assert Case(None, 1000).reason() is None
        assert [blind_spots.UNPRICED] == warnings(caplog)

    def test_without_figures(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """A call without figures is missing in both."""
        with session("s"):
            app.call()
            with app.tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}):
                pass
        assert blind_spots.UNCOUNTED == Case(None, 1000).reason()
        assert f"{blind_spots.UNPRICED}; {blind_spots.UNCOUNTED}" == Case(1000, 1000).reason()
        assert [blind_spots.UNCOUNTED, blind_spots.UNPRICED] == warnings(caplog)

    def test_without_a_check(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """Who has a callback only is warned, too."""
        with session("s", budget=Budget(1, on_exceeded=lambda _: None)):
            app.call(**{"gen_ai.request.model": "nobody-knows"})
            app.turn()
        assert [blind_spots.UNPRICED] == warnings(caplog)

    def test_no_session(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """A budget that was given to nobody limits nobody."""
        del app
        Budget(1).check()
        assert blind_spots.NO_SESSION == reason(Budget(1, strict=True))
        assert [blind_spots.NO_SESSION] == warnings(caplog)

    def test_exceeded_first(self, app: App) -> None:
        """What is known to be too much is told as that."""
        budget = Budget(1, strict=True)
        with session("s", budget=budget):
            app.call()
            app.call(**{"gen_ai.request.model": "nobody-knows"})
            with pytest.raises(BudgetExceeded) as caught:
                budget.check()
        assert BudgetExceeded is type(caught.value)


class TestBudgetUnknown:
    """The error."""

    def test_text(self) -> None:
        """It says why, and whoever stops for a budget that is used up stops for it, too."""
        error = BudgetUnknown("s", Rollup(total_tokens=1), 2.0, None, reason="nobody looked")
        assert "what session s has used is not known: nobody looked" == str(error)
        assert isinstance(error, BudgetExceeded)

    def test_crosses_processes(self) -> None:
        """It can be sent from one process to another."""
        error = BudgetUnknown("s", Rollup(total_tokens=1), 2.0, 3, reason="nobody looked")
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
        assert (str(error), "s", Rollup(total_tokens=1), 2.0, 3, "nobody looked") == (
            str(copied),
            copied.session_id,
            copied.rollup,
            copied.cost_usd,
            copied.total_tokens,
            copied.reason,
        )
