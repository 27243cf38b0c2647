"""Two weeks of sessions in tables: services, weekends, an incident, unknown costs, hostile names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import exp
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from otel_session_agg._history.history import History
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.details import Details
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.replayed import SessionPart
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import Labelled, Member, SessionTotals

START = datetime(2026, 11, 16)  # noqa: DTZ001  tables have times in UTC without a zone; a Monday
DAYS = 14
HOSTILE = '</script><img src=x onerror="alert(1)">$x$%{y}\u202e'
"""A name that would be markup, a formula or a template, where it was not taken for text."""

_SERVICES = {"checkout-bot": 0.0, "research-agent": 2.0, "support-chat": 0.7}
_MODELS: dict[str, int | None] = {
    "gpt-5-mini": 15,
    "claude-sonnet-4-5": 200,
    "gemini-2.5-flash": 40,
    "local-llama": None,
    HOSTILE: 20,
}
"""What 10,000 tokens cost in ten-thousandths of a USD; unknown for one of them."""


class Part(NamedTuple):
    """What a session came to by one name."""

    kind: str
    name: str
    calls: int
    tokens: int = 0
    cost: Decimal | None = None
    """``None``: unknown; a tool has none."""


class Given(NamedTuple):
    """One session."""

    session: str
    start: datetime
    parts: Sequence[Part]
    duration_ms: float = 2_000.0
    user: str | None = "ada"
    errors: int = 0
    dimensions: Mapping[str, str] = MappingProxyType({})
    metadata: Mapping[str, str] = MappingProxyType({})


Tables = Callable[[Iterable[Given]], History]
"""Makes tables of sessions."""


def history_of(sessions: Iterable[Given]) -> History:
    """These sessions in tables; each is one trace."""
    history = History()
    history.add([_part(place, given) for place, given in enumerate(sessions, 1)], [], [])
    history.recount()
    return history


def _part(place: int, given: Given) -> SessionPart:
    start_ns = int((given.start - datetime(1970, 1, 1)) / timedelta(microseconds=1)) * 1000  # noqa: DTZ001
    at = partial(Labelled, start_ns)
    totals = SessionTotals(
        rollup=_rollup(given, start_ns),
        traces=frozenset({place}),
        members=(Member(start_ns, place, 1),),
        user=At(start_ns, 1, given.user) if given.user is not None else None,
        metadata={name: at(value) for name, value in given.metadata.items()},
        dimensions={name: Dimension(start_ns, 1, value) for name, value in given.dimensions.items()},
    )
    return SessionPart(place, given.session, totals)


def _rollup(given: Given, start_ns: int) -> Rollup:
    by_kind = {kind: {part.name: _row(part) for part in given.parts if part.kind == kind} for kind in ("model", "agent", "tool")}
    models = Breakdown(by_kind["model"])
    whole = models.total
    return Rollup(
        num_events=whole.num_calls, num_model_events=whole.num_calls, num_errors=given.errors,
        num_computed=whole.num_priced, num_unpriced_events=whole.num_unpriced, cost_pusd=whole.cost_pusd,
        prompt_tokens=whole.prompt_tokens, completion_tokens=0, total_tokens=whole.total_tokens,
        cache_read_tokens=whole.cache_read_tokens, start_ns=start_ns, end_ns=start_ns + int(given.duration_ms * 1e6),
        models=frozenset(by_kind["model"]),
        details=Details(by_model=models, by_agent=Breakdown(by_kind["agent"]), by_tool=Breakdown(by_kind["tool"])),
    )  # fmt: skip


def _row(part: Part) -> BreakdownRow:
    if part.kind == "tool":
        return BreakdownRow(part.calls)
    is_known = part.cost is not None
    return BreakdownRow(
        part.calls, 0, part.tokens, 0, part.tokens, part.tokens // 2, 0, 0,
        int((part.cost or 0) * 10**12), part.calls * is_known, part.calls * (not is_known),
    )  # fmt: skip


def two_weeks(number: int = 400) -> list[Given]:
    """Sessions of two weeks, the same ones each time."""
    return [_drawn(place) for place in range(number)]


def _drawn(place: int) -> Given:
    random = Random(place)  # noqa: S311  figures, no secrets
    service = random.choices(list(_SERVICES), [5, 1, 3])[0]
    day = random.choices(range(DAYS), [5, 5, 5, 5, 5, 1, 1] * 2)[0]
    is_incident = service == "checkout-bot" and random.random() < 0.02
    factor = exp(random.gauss(_SERVICES[service], 0.5)) * (60 if is_incident else 1)
    parts = []
    for model in random.sample(list(_MODELS), random.choice((1, 1, 2))):
        tokens, price = int(900 * factor) + 10, _MODELS[model]
        cost = None if price is None else Decimal(tokens * price) / 10**8
        parts.append(Part("model", model, random.randint(1, 9), tokens, cost))
    agent, tool = random.choice(("planner", "writer")), random.choice(("search", "sql"))
    parts += [part._replace(kind="agent", name=agent) for part in parts[:1]]
    parts.append(Part("tool", tool, 2))
    return Given(
        HOSTILE if place == 7 else f"chat-{place:04d}",
        START + timedelta(days=day, hours=8 + 10 * random.random()),
        parts,
        1500 * factor**0.6 * exp(random.gauss(0, 0.4)),
        random.choice(("ada", "grace", "=cmd()", None)),
        int(random.random() < 0.04),
        {"service.name": service, "tenant": random.choice(("acme", HOSTILE))},
        {"plan": random.choice(("pro", "free"))},
    )
