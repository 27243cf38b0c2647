"""The web process: orders reports and tells what they have used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import chord
from fastapi import FastAPI
from opentelemetry import trace
from pydantic import BaseModel

from celery_workers.tasks import celery, look_into, write
from celery_workers.tracing import start_tracing
from otel_session_agg import session


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Trace while the process runs."""
    provider = start_tracing("reports-web", trust_baggage=False)  # callers are anybody
    yield
    provider.shutdown()


app = FastAPI(lifespan=lifespan, telemetry={"operation_spans": False})
tracer = trace.get_tracer("reports")


class Order(BaseModel):
    """What the report is to be about."""

    topics: list[str]


@app.post("/reports/{report}", status_code=202)
def post_report(report: str, order: Order) -> None:
    """Order a report; its id is that of the session."""
    with session(report, propagate=True), tracer.start_as_current_span("order a report"):
        chord([look_into.s(report, topic) for topic in order.topics])(
            write.s(report).set(task_id=report)
        )


@app.get("/reports/{report}")
def get_report(report: str) -> dict[str, object]:
    """What the report has used so far in all workers, and its text once it has been written."""
    totals = session(report).rollup(wait_seconds=1)
    result = celery.AsyncResult(report)
    return {
        "model_events": totals.num_model_events,
        "total_tokens": totals.total_tokens,
        "cost_usd": totals.cost_usd,
        "text": result.result if result.successful() else None,
    }
