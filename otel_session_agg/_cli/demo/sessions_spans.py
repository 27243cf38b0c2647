"""Make the spans of sessions, as the OpenTelemetry GenAI conventions have them, by a seed.

A turn is a trace: an agent that embeds, asks a model, runs tools, asks again, and may call another
agent.  Nothing here knows that spans are added up: this says tokens and times, never costs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import Any, NamedTuple

from otel_session_agg._cli.demo.sessions_data import MODELS, Service

__all__ = ["INCIDENT", "LIVE", "LOOP", "USUAL", "Course", "Person", "Span", "requests", "session"]

_SCOPE = "demo.sessions"
_SECOND_NS = 10**9
_INTERNAL, _CLIENT = 1, 3
"""Kinds of spans in OTLP."""
_ERROR = 2
_EMBEDDING = "text-embedding-3-small"
_FAILURE = "TimeoutError"


class Person(NamedTuple):
    """Who has a session, and where."""

    user: str
    tenant: str
    service: Service
    version: str


class Course(NamedTuple):
    """How sessions go."""

    steps: tuple[int, int] = (1, 3)
    """How often a model asks for a tool in a turn, from and to."""
    failing: float = 0.02
    """The share of tools that fail."""
    factor: float = 1.0
    """Of tokens and of times, beside those that are usual."""
    cached: float = 0.7
    """The share of sessions whose prompts are cached."""
    model: str | None = None
    """The model that answers; ``None``: one of the service's."""
    pause_seconds: tuple[float, float] = (20, 240)
    """Between turns."""


USUAL = Course()
INCIDENT = Course(steps=(4, 8), failing=0.3, factor=2.2, cached=0.0, model="gpt-4o")
LOOP = Course(steps=(32, 36), failing=0.0, factor=1.5, cached=0.0, model="claude-sonnet-4-5")
"""A session in which an agent does not find an end."""
LIVE = USUAL._replace(pause_seconds=(4, 10))


@dataclass(slots=True)
class Span:
    """A span, and of which service it is."""

    person: Person
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int = 0
    kind: int = _INTERNAL
    attributes: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    feedback: float | None = None
    """How a user rated it, from 0 to 1."""


def session(
    rng: Random, person: Person, course: Course, session_id: str, start_ns: int
) -> list[Span]:
    """Return the spans of a session that begins then, turn by turn."""
    model = course.model or rng.choices(*zip(*person.service.models.items(), strict=True))[0]
    is_cached = rng.random() < course.cached
    found: list[Span] = []
    for number in range(rng.choices((1, 2, 3, 4), (5, 3, 2, 1))[0]):
        turn = _Turn(rng, person, course, model, number if is_cached else None)
        spans = turn.spans_of(start_ns)
        for span in spans:  # also below the root: the session is known before that ends
            span.attributes["gen_ai.conversation.id"] = session_id
        found += spans
        start_ns = found[-1].end_ns + int(rng.uniform(*course.pause_seconds) * _SECOND_NS)
    if rng.random() < 0.25:  # noqa: PLR2004 -- users who rate
        is_good = rng.random() > (0.15 if course is USUAL else 0.7)
        found[-1].feedback = 1.0 if is_good else 0.0
    return found


class _Turn:
    """One trace: its spans are made in the order in which they end."""

    def __init__(
        self, rng: Random, person: Person, course: Course, model: str, number: int | None
    ) -> None:
        self._rng, self._person, self._course, self._model = rng, person, course, model
        self._is_cached = number is not None
        self._prompt = person.service.prompt_tokens * (1 + 0.4 * (number or 0))
        self._trace_id = f"{rng.getrandbits(128) or 1:032x}"
        self._now_ns = 0
        self._spans: list[Span] = []

    def spans_of(self, start_ns: int) -> list[Span]:
        """Return all spans; the root is the last."""
        service, self._now_ns = self._person.service, start_ns
        question = self._rng.choice(service.questions)
        root = self._begun(f"invoke_agent {service.agent}", "")
        root.attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": service.agent,
            "user.id": self._person.user,
            "tenant.id": self._person.tenant,
            "gen_ai.input.messages": _message("user", question),
            "gen_ai.output.messages": _message("assistant", service.answer),
        }
        if service.embeds:
            self._embedding(root)
        self._steps(root, question, self._rng.randint(*self._course.steps))
        if self._rng.random() < 0.3:  # noqa: PLR2004 -- turns with a second agent
            self._helper(root, question)
        self._ended(root)
        return self._spans

    def _steps(self, agent: Span, question: str, number: int) -> None:
        for _ in range(number):
            tool = self._rng.choice(self._person.service.tools)
            self._chat(agent, question, f"I call {tool}.")
            self._tool(agent, tool)
        self._chat(agent, question, self._person.service.answer)

    def _helper(self, root: Span, question: str) -> None:
        helper = self._begun(f"invoke_agent {self._person.service.helper}", root.span_id)
        helper.attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": self._person.service.helper,
        }
        self._steps(helper, question, 1)
        self._ended(helper)

    def _chat(self, agent: Span, question: str, answer: str) -> None:
        model, course, service = MODELS[self._model], self._course, self._person.service
        prompt = int(self._prompt * course.factor * self._rng.lognormvariate(0, 0.15))
        completion = int(
            service.completion_tokens * course.factor * self._rng.lognormvariate(0, 0.4)
        )
        self._prompt += completion + 200  # what came of it is asked with the next time
        span = self._begun(f"chat {model.name}", agent.span_id, _CLIENT)
        first = model.first_token_seconds * course.factor * self._rng.lognormvariate(0, 0.3)
        span.attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
            "gen_ai.response.model": model.name,
            "gen_ai.usage.input_tokens": prompt,
            "gen_ai.usage.output_tokens": completion,
            "gen_ai.response.time_to_first_chunk": round(first, 3),
            "gen_ai.input.messages": _message("user", question),
            "gen_ai.output.messages": _message("assistant", answer),
        }
        if self._is_cached:
            span.attributes["gen_ai.usage.cache_read.input_tokens"] = int(prompt * 0.6)
        self._ended(span, first + course.factor * completion / model.tokens_per_second)

    def _embedding(self, agent: Span) -> None:
        span = self._begun(f"embeddings {_EMBEDDING}", agent.span_id, _CLIENT)
        span.attributes = {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": _EMBEDDING,
            "gen_ai.usage.input_tokens": self._rng.randint(8, 40),
        }
        self._ended(span, self._rng.lognormvariate(-2, 0.3))

    def _tool(self, agent: Span, name: str) -> None:
        span = self._begun(f"execute_tool {name}", agent.span_id)
        span.attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        seconds = self._rng.lognormvariate(-1, 0.6) * self._course.factor
        if self._rng.random() < self._course.failing:
            span.attributes["error.type"] = _FAILURE
            span.error = f"{_FAILURE}: {name} did not answer"
            seconds = 10.0
        self._ended(span, seconds)

    def _begun(self, name: str, parent_id: str, kind: int = _INTERNAL) -> Span:
        span_id = f"{self._rng.getrandbits(64) or 1:016x}"
        return Span(self._person, self._trace_id, span_id, parent_id, name, self._now_ns, kind=kind)

    def _ended(self, span: Span, seconds: float = 0.01) -> None:
        self._now_ns += int(seconds * _SECOND_NS)
        span.end_ns = self._now_ns
        self._spans.append(span)


def _message(role: str, text: str) -> str:
    """Return a message as the conventions write it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


# -- as OTLP ---------------------------------------------------------------------------------------


def requests(spans: Iterable[Span]) -> Iterator[bytes]:
    """Return export requests in OTLP's JSON form: one for spans of one service that follow."""
    for (service, version), group in groupby(spans, _resource_of):
        resource = {"service.name": service, "service.version": version}
        document = {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(resource)},
                    "scopeSpans": [
                        {"scope": {"name": _SCOPE}, "spans": [_span(span) for span in group]}
                    ],
                }
            ]
        }
        yield json.dumps(document, separators=(",", ":")).encode()


def _resource_of(span: Span) -> tuple[str, str]:
    return span.person.service.name, span.person.version


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        found["parentSpanId"] = span.parent_id
    if span.error is not None:
        found["status"] = {"code": _ERROR, "message": span.error}
    if span.feedback is not None:
        rating = {
            "gen_ai.evaluation.name": "rating",
            "gen_ai.evaluation.score.value": span.feedback,
            "gen_ai.evaluation.score.label": "good" if span.feedback else "bad",
        }
        event = {
            "name": "gen_ai.evaluation.result",
            "timeUnixNano": str(span.end_ns),
            "attributes": _attributes(rating),
        }
        found["events"] = [event]
    return found


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}
