"""How the public interface is typed: checked by mypy, never run."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from otel_session_agg import (
    AlertRules,
    Budget,
    BudgetExceeded,
    BudgetUnknown,
    Explanation,
    ModelPrice,
    PriceBook,
    Rollup,
    SessionRecord,
    SessionSpanExporter,
    SessionSpanProcessor,
    SessionStore,
    Settings,
    SettingsError,
    current_rollup,
    end_session,
    explain,
    explain_session,
    open_store,
    record_feedback,
    session,
)
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span

by_exporter: SpanProcessor = SessionSpanProcessor(ConsoleSpanExporter())
alerts: AlertRules = AlertRules.from_yaml("alerts.yaml", state="alerts.sqlite")
with_alerts = SessionSpanProcessor(ConsoleSpanExporter(), on_session=alerts)
by_processor = SessionSpanProcessor(
    BatchSpanProcessor(ConsoleSpanExporter()),
    settings=Settings(linger_seconds=1, outputs=False),
    prices=PriceBook({"gpt-*": {"input": 1, "output": 2.5, "tiers": [{"above_tokens": 200_000, "input": 2}]}}),
)
exporter: SpanExporter = SessionSpanExporter(ConsoleSpanExporter(), settings=Settings(), prices=PriceBook())
by_mappings = SessionSpanProcessor(ConsoleSpanExporter(), settings={"linger_seconds": 1}, prices={"gpt-*": {"input": 1}})
by_names = SessionSpanExporter({"otlp_http": {}}, settings={"linger_seconds": 1}, prices={"gpt-*": {"input": 1, "output": 2}})
flushed: bool = by_processor.force_flush(1000)
price: ModelPrice = {"input": 1.0, "cache_read": 0.1}
cost: float | None = (Rollup() + Rollup(num_events=1)).cost_usd
error: Exception = SettingsError("x")
settings: Settings = Settings.from_mapping({"max_open_roots": "10"})
span: ReadableSpan = make_span("chat", attributes={"gen_ai.operation.name": "chat"})
roots: tuple[ReadableSpan, ...] = RecordingExporter().roots
explanation: Explanation = explain(roots, prices={"gpt-*": {"input": 1, "output": 2}})
remembered: Explanation | None = explain_session("chat-42")
why: tuple[str, str, int, bool, float | None] = (
    str(explanation),
    explanation.to_json(),
    explanation.rollup.cost_pusd,
    explanation.spans[0].counts,
    explanation.spans[0].cost_usd,
)
now: float = FakeClock(1.0)()


def on_session(record: SessionRecord) -> object:
    """What a record has."""
    figures: tuple[str, int, str, int, float | None, bool, str | None] = (
        record.session_id,
        record.revision,
        record.end_reason,
        record.num_traces,
        record.average_trace_latency_ms,
        record.is_partial,
        record.user_id,
    )
    turns: tuple[int, str | None, str | None, float | None, float | None] = (
        record.num_turns,
        record.first_input,
        record.last_output,
        record.average_turn_cost_usd,
        record.average_turn_tokens,
    )
    dearest: tuple[float, int, int | None] | None = None
    if record.dearest_turn is not None:
        dearest = record.dearest_turn.cost_usd, record.dearest_turn.trace_id, record.dearest_turn.total_tokens
    group: str | bool | int | float | None = record.dimensions.get("service.name")
    totals: Rollup = record.rollup
    links: tuple[tuple[int, int], ...] = record.members
    return figures, totals, links, record.metadata["plan"], turns, dearest, group


def on_exceeded(error: BudgetExceeded) -> tuple[str, float | None, int | None, float | None]:
    """What the error has."""
    return (
        error.session_id,
        error.cost_usd,
        error.total_tokens,
        error.rollup.cost_usd,
    )


def check_of_a_user(error: BudgetUnknown) -> tuple[str, str]:
    """A budget over all sessions of a user, and what its error has."""
    of_user = Budget(5, per="user", period="day", strict=True)
    of_user.check(wait_seconds=1)
    with session("s", user_id="ada", budget=of_user) as block:
        block.check(wait_seconds=1)
    exceeded: BudgetExceeded = error
    return exceeded.whose, error.reason


store: SessionStore = open_store("sqlite:///sessions.db")
records: list[SessionRecord] = []
live = SessionSpanProcessor(store=store, on_session=on_session, meter_provider=NoOpMeterProvider())
by_url = SessionSpanProcessor(ConsoleSpanExporter(), store="redis://localhost:6379/0", on_session=records.append)
budget = Budget(cost_usd=1, total_tokens=1000, on_exceeded=on_exceeded)
an_id: UUID = uuid4()


@session("chat", user_id=7, metadata={"plan": "pro", "seats": 3, "share": 0.5, "beta": True})
def turn(question: str, *, times: int = 1) -> list[str]:
    """A decorated function keeps its type."""
    return [question] * times


@session()
async def turn_async(question: str) -> str:
    """A decorated coroutine keeps its type."""
    async with session(an_id) as inner:
        return question + inner.session_id


def main() -> tuple[Rollup, Rollup | None, list[str]]:
    """Blocks, totals, feedback."""
    with session(an_id, budget=budget, propagate=True, end_on_exit=True) as block:
        name: str = block.session_id
        mine: Rollup = block.rollup()
        active: Rollup | None = current_rollup()
        answers: list[str] = turn("why?", times=2)
        block.check()
        budget.check()
        block.end()
        record_feedback(0.5, "fair", "could be shorter")
        record_feedback(score=False, session_id=an_id)
    end_session(name)
    return mine, active, answers


async def main_async() -> str:
    """Awaited like the function itself."""
    answer: str = await turn_async("why?")
    turn(7)  # type: ignore[arg-type]  # the parameters are the function's
    record_feedback("good")  # type: ignore[arg-type]  # a label is not a score
    session(metadata={"plan": None, "since": date(2026, 11, 30)})
    session(metadata={"tags": ["a"]})  # type: ignore[dict-item]  # not an attribute
    return answer
