"""Totals on the root spans of the traces that MLflow logs.

    pip install . mlflow-tracing openai
    MLFLOW_TRACKING_URI=... OPENAI_API_KEY=... python with_mlflow.py

MLflow logs its own span objects, not what a processor hands on, so wrapping would change nothing
there: live mode does.  By default MLflow keeps its spans apart from OpenTelemetry's context, where
``session()`` is; the variable brings them together.
"""

from __future__ import annotations

import os

import mlflow
import openai
from mlflow.entities.trace_location import MlflowExperimentLocation

from otel_session_agg import SessionSpanProcessor, session

os.environ["MLFLOW_USE_DEFAULT_TRACER_PROVIDER"] = "false"
mlflow.tracing.set_destination(MlflowExperimentLocation(os.environ.get("CHATS_EXPERIMENT_ID", "0")))
mlflow.openai.autolog()
mlflow.tracing.get_bridged_tracer_provider().add_span_processor(SessionSpanProcessor())

client = openai.OpenAI()


def ask(question: str) -> str | None:
    """One call; MLflow has instrumented the client."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content


with session("chat-42"):
    with mlflow.start_span("explain"):
        mlflow.update_current_trace(session_id="chat-42")  # what MLflow itself groups traces by
        ask("What is a span?")
        ask("Say it shorter.")
    with mlflow.start_span("follow up"):
        mlflow.update_current_trace(session_id="chat-42")
        ask("And a trace?")

mlflow.flush_trace_async_logging()
