"""The Celery application: a report is a model call for each topic, in parallel, and a last one."""

from __future__ import annotations

import os
from typing import Any

import model_server
import openai
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from celery_workers.tracing import REDIS_URL, start_tracing
from otel_session_agg import end_session

celery = Celery("reports", broker=f"{REDIS_URL}/0", backend=f"{REDIS_URL}/1")
process: dict[str, Any] = {}
"""What each pool process has of its own."""


@worker_process_init.connect
def begin(**_: object) -> None:
    """Set up a pool process, after the fork."""
    process["provider"] = start_tracing("reports-worker", trust_baggage=True)
    base_url = os.environ.get("OPENAI_BASE_URL") or model_server.start().base_url
    process["client"] = openai.OpenAI(
        base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "not-a-key")
    )


@worker_process_shutdown.connect
def end(**_: object) -> None:
    """Let everything leave before a pool process ends."""
    process["provider"].shutdown()


def ask(report: str, question: str) -> str:
    """Ask the model."""
    answer = process["client"].chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        prompt_cache_key=report,
    )
    return answer.choices[0].message.content or ""


@celery.task
def look_into(report: str, topic: str) -> str:
    """Find something out; several of these run at once."""
    return ask(report, f"What is there to say about {topic}?")


@celery.task
def write(findings: list[str], report: str) -> str:
    """Write the report; its session ends when this task has."""
    end_session(report)
    return ask(report, " ".join(["Write a report.", *findings]))
