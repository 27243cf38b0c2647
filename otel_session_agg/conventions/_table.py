"""The machinery that reads attributes by table; the only place that looks keys up.

A convention is data: which key says what.  All conventions are merged into one index from key to *marks* (what the key
says, and with which precedence).  For a span, the keys it has in common with the index are found in one step, and the
marks are kept as a *plan* per set of keys, because an instrumentation writes the same keys again and again.

Rules
-----
* Of several keys that say the same thing the lowest precedence with a valid value wins; 0 is a value.
* Prompt and completion tokens come from one convention, the first that has either; the parts may come from any.
* Two spellings of one thing are never added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_session_agg._model import Kind
from otel_session_agg._values import text
from otel_session_agg.conventions._convention import Convention, Emitter, NamedSpans, Says


class Mark:
    """That a key says something, with which precedence; ``extra`` is the table row behind it."""

    __slots__ = ("extra", "key", "precedence", "says")

    def __init__(self, says: Says, precedence: int, key: str, extra: object = None) -> None:
        self.says = says
        self.precedence = precedence
        self.key = key
        self.extra = extra


_LISTS: tuple[tuple[str, Says], ...] = (
    ("prompt", Says.PROMPT),
    ("completion", Says.COMPLETION),
    ("total", Says.TOTAL),
    ("cache_read", Says.CACHE_READ),
    ("cache_write", Says.CACHE_WRITE),
    ("cache_write_5m", Says.CACHE_WRITE_5M),
    ("cache_write_1h", Says.CACHE_WRITE_1H),
    ("reasoning", Says.REASONING),
    ("audio_prompt", Says.AUDIO_PROMPT),
    ("audio_completion", Says.AUDIO_COMPLETION),
    ("audio_cache_read", Says.AUDIO_CACHE_READ),
    ("uncached", Says.UNCACHED),
    ("exclusive", Says.EXCLUSIVE),
    ("cost_currency", Says.COST_CURRENCY),
    ("cache_hit", Says.CACHE_HIT),
    ("response_model", Says.RESPONSE_MODEL),
    ("request_model", Says.REQUEST_MODEL),
    ("provider", Says.PROVIDER),
    ("response_id", Says.RESPONSE_ID),
    ("service_tier", Says.SERVICE_TIER),
    ("server_address", Says.SERVER_ADDRESS),
    ("output", Says.OUTPUT),
    ("error_type", Says.ERROR_TYPE),
    ("feedback", Says.FEEDBACK),
    ("content", Says.CONTENT),
    ("tool", Says.TOOL),
    ("agent", Says.AGENT),
)
_RANKED: tuple[tuple[str, Says], ...] = (
    ("cost", Says.COST),
    ("cost_text", Says.COST_TEXT),
    ("cost_parts", Says.COST_PART),
    ("session", Says.SESSION),
)
_KEYS_PER_CONVENTION = 100
"""Room between the precedences of two conventions for the keys of the first."""


def family(precedence: int) -> int:
    """Which convention a precedence belongs to."""
    return precedence // _KEYS_PER_CONVENTION


class Index:
    """All conventions merged: key to marks, and the rows that no key leads to."""

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.marks: dict[str, list[Mark]] = {}
        self.named_spans: dict[str, list[tuple[NamedSpans, Kind]]] = {}
        self.emitters: list[Emitter] = []
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        for convention in sorted(conventions, key=lambda c: c.precedence):
            self._add(convention)

    def _mark(self, key: str, says: Says, precedence: int, extra: object = None) -> None:
        self.marks.setdefault(key, []).append(Mark(says, precedence, key, extra))

    def _add(self, convention: Convention) -> None:
        base = convention.precedence * _KEYS_PER_CONVENTION
        for name, says in _LISTS:
            for position, key in enumerate(getattr(convention, name)):
                self._mark(key, says, base + position)
        for name, says in _RANKED:
            for key, precedence in getattr(convention, name).items():
                self._mark(key, says, precedence)
        for position, row in enumerate(convention.texts):
            self._mark(row.key, Says.USAGE_TEXT, base + position, row)
        for kinds in convention.kinds:
            self._mark(kinds.key, Says.KIND, kinds.precedence, kinds)
        for spans in convention.spans:
            for name, kind in spans.names.items():
                self.named_spans.setdefault(name, []).append((spans, kind))
                self.named_spans[name].sort(key=lambda row: row[0].precedence)
        self.emitters.extend(convention.emitters)
        self.feedback_prefixes += convention.feedback_prefixes
        self.feedback_events |= frozenset(convention.feedback_events)

    def named(self, name: str) -> list[tuple[NamedSpans, Kind]] | None:
        """Rows for a span's name."""
        rows = self.named_spans.get(name)
        if rows is None:
            dot = name.rfind(".")
            rows = self.named_spans.get(name[dot:]) if dot > 0 else None
        return rows

    def plan(self, keys: Sequence[str]) -> Plan:
        """What these keys say, in order of precedence."""
        marks: dict[Says, list[Mark]] = {}
        for key in keys:
            for mark in self.marks.get(key, ()):
                marks.setdefault(mark.says, []).append(mark)
        for found in marks.values():
            found.sort(key=lambda mark: mark.precedence)
        if any(isinstance(key, str) and key.startswith(self.feedback_prefixes) for key in keys):
            marks.setdefault(Says.FEEDBACK, [])
        return marks


Plan = Mapping[Says, Sequence[Mark]]
"""What a set of keys says: marks in order of precedence."""

_MAX_PLANS = 2048
"""Sets of keys remembered: a few hundred occur in an application; flattened chat messages make more."""

_MAX_PLAN_KEYS = 48
"""Spans with more keys are flattened messages, whose sets hardly repeat."""


class Plans:
    """Plans by set of keys, bounded."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._plans: dict[tuple[str, ...], Plan] = {}

    def get(self, attributes: Mapping[str, object]) -> Plan:
        """The plan of a span's keys."""
        keys = tuple(attributes)
        plan = self._plans.get(keys)
        if plan is None:
            plan = self._index.plan(keys)
            if len(keys) <= _MAX_PLAN_KEYS:
                if len(self._plans) >= _MAX_PLANS:
                    self._plans.clear()
                self._plans[keys] = plan
        return plan


def first_text(plan: Plan, says: Says, attributes: Mapping[str, object]) -> str | None:
    """The first valid name or id of what is asked for."""
    for mark in plan.get(says, ()):
        value = text(attributes[mark.key])
        if value is not None:
            return value
    return None


_MAX_DIGITS = 9


def version_tuple(version: str) -> tuple[int, ...]:
    """The numbers at the head of a version, for comparing: ``1.3b0`` is ``(1, 3)``."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: next((i for i, char in enumerate(part) if not char.isdigit()), len(part))]
        if not digits or len(digits) > _MAX_DIGITS:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
