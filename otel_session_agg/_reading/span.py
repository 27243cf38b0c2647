"""Read a span: everything that its attributes and events state, as a ``Reading``.

Before this: ``_spans/received.py`` copied the SDK's span.
After this: ``_trace/engine.py`` folds the reading into its trace.

``plan.py`` knows what a span's keys mean, and thus what need not be looked for; the values are
read by the module for each meaning: ``kind.py``, ``tokens.py``, ``cost.py``, ``terms.py`` and
``sessions.py``.

A span that starts inside a ``session()`` block is in that session.  Its attributes may not state so
when it ends: an instrumentation may have written the id of a conversation or thread over it, and of
too many attributes the SDK drops the oldest, which are those set at the start.  An id that the
application sets on the span itself is nearer, and wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import (
    CALLS,
    LACKS_FIGURES,
    LACKS_SESSION,
    Kind,
    Reading,
    SpanData,
    Terms,
    Usage,
)
from otel_session_agg._reading.cost import RUNNING_COST, read_cost
from otel_session_agg._reading.emitters import Effects, effects_of
from otel_session_agg._reading.first_token import read_first_token
from otel_session_agg._reading.index import Index
from otel_session_agg._reading.kept_readings import named_reading, reading_in_session
from otel_session_agg._reading.kind import is_billed, read_kind
from otel_session_agg._reading.outcome import read_failure, read_output, without_output
from otel_session_agg._reading.plain_counts import read_plain
from otel_session_agg._reading.plan import NAMES, PLAIN, ReadingPlan, Scopes
from otel_session_agg._reading.sessions import name_in_text, read_session, read_user
from otel_session_agg._reading.terms import read_terms
from otel_session_agg._reading.tokens import read_usage
from otel_session_agg._reasons import DROPPED
from otel_session_agg._untrusted.values import first_text, text
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._schema import Effect, Meaning

MAX_BEGUN = 65_536
"""Open spans inside ``session()`` blocks that are remembered, about 250 bytes each: more than a
process has open, so only those that never end, or are never handed in, are forgotten."""

MAX_NAMES = 4096
"""Names of providers, models, tiers and servers that are kept: a process has a few dozen."""

INPUTS = tuple(key for row in CONVENTIONS for key in row.input)
"""Keys of the input of a call or trace."""

CARRYING_SCOPES = tuple(
    scope
    for table in CONVENTIONS
    for row in table.emitters
    if Effect.CARRIES_CONTEXT in row.effects
    for scope in row.scopes
)
"""Prefixes of scopes whose spans may have a parent in this process although it looks remote."""

_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN})
# a global is read twenty times faster than an enum's member
_MODEL, _EMBEDDING, _RETRIEVER = Kind.MODEL, Kind.EMBEDDING, Kind.RETRIEVER
_TOOL, _AGENT, _CHAIN = Kind.TOOL, Kind.AGENT, Kind.CHAIN

INDEX = Index(CONVENTIONS)
"""What keys mean."""
_SCOPES = Scopes(INDEX)
"""What the keys of spans meant so far, for each scope."""
_NAMES: dict[str, str] = {}
"""Names that are valid as they stand; also so that the calls that are kept share them."""
_RESPONSE_ID = NAMES.index(Meaning.RESPONSE_ID)
_NO_NAMES: list[str | None] = [None] * len(NAMES)
_NO_EFFECTS: Effects = frozenset()
_NO_FIGURES: tuple[Usage | None, int, int | None, tuple[str, ...]] = (None, 0, None, ())
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


def read(span: SpanData, scopes: Scopes = _SCOPES) -> Reading:
    """Return what one ended span states; never raise, whatever the attributes hold."""
    attributes = span.attributes
    scope = scopes.known.get((span.scope_name, span.scope_version))
    if scope is None:
        scope = scopes.get(span.scope_name, span.scope_version)
    if scope.has_events and span.events:
        attributes = scope.with_events(attributes, span.events)
    plan = scope.plan(attributes)
    kind: Kind | None = None
    if not scope.has_endings and span.name not in scope.named:
        if plan.plain is not None and not span.failed and not span.events:
            return plan.plain  # as nearly all spans but calls
        if plan.kind_memo:
            value = attributes[plan.kinds[0].key]
            kind = plan.kind_memo.get(value) if type(value) is str else None
        elif not plan.kinds:
            kind = plan.kind_by_keys
    if kind is None:
        kind = read_kind(scope, plan, attributes, span.name)
    is_call = kind is _MODEL
    billed = kind is _EMBEDDING or (
        plan.names_model and not is_call and is_billed(plan, attributes)
    )
    if is_call or billed or span.failed or span.events or plan.is_more_than_session:
        return _read(span, plan, attributes, kind, billed=billed)
    session = plan.session
    if kind is _TOOL or kind is _AGENT or (kind is _CHAIN and plan.entities.on_chain):
        name = plan.entities.name(attributes, kind, span.name)
        return named_reading(session, attributes, kind, name)
    return PLAIN[kind] if session is None else reading_in_session(session, attributes, kind)


def _read(
    span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any], kind: Kind, *, billed: bool
) -> Reading:
    """Read everything beside the kind."""
    may_fail = span.failed or plan.error_types
    error, shows_answer, is_lost = (
        read_failure(span, plan.entries, attributes) if may_fail else (None, False, False)
    )
    feedback = plan.feedback or (bool(span.events) and _event_feedback(span))
    session, is_weak = None, False
    if plan.session is not None:
        in_session = reading_in_session(plan.session, attributes, kind)
        session, is_weak = in_session.session_id, in_session.session_is_weak
    user, metadata = (None, None) if plan.user is None else read_user(plan.user, attributes)
    output = read_output(plan.outputs, attributes) if plan.outputs else None
    effects = (
        effects_of(plan.emitters, plan.names, attributes) if plan.effects is None else plan.effects
    )
    usage, num_calls, recorded, ignored = _NO_FIGURES
    if plan.plain_counts is not None and kind is not _RETRIEVER:
        usage = read_plain(plan.plain_counts, attributes)
    if plan.states_cost or (plan.has_usage and usage is None):
        usage, num_calls, recorded, ignored = _figures(plan, attributes, kind, effects, usage)
        if recorded is not None and span.name in plan.running_costs:
            recorded, ignored = None, (*ignored, RUNNING_COST)
    if effects and kind in _CONTAINERS:
        is_call = kind is _AGENT and Effect.IS_CALL in effects
        num_calls = num_calls or int(is_call)
        billed = is_call or billed or Effect.MAKES_CALLS in effects
    names, terms = _NO_NAMES, None
    if kind is _MODEL or billed or usage is not None or recorded is not None:
        is_silent = usage is None and error is None and kind is _MODEL
        if is_silent and Effect.NO_CALL_WITHOUT_USAGE in effects:
            kind = Kind.SPAN
        names, terms = _names(plan, attributes)
        if kind is _MODEL and "embed" in (names[1] or names[2] or "").lower():
            kind, billed = _EMBEDDING, True  # several emitters have one operation for all models
    else:
        effects = _NO_EFFECTS
    provider, response_model, request_model, response_id, tier, address = names
    tool, agent = _entity(span, plan, attributes, kind)
    has_times = kind is _MODEL and (plan.first_tokens or span.events)
    first_token = read_first_token(plan.first_tokens, attributes, span) if has_times else None
    if is_lost and kind is _MODEL:  # what is stated is a part, or was guessed
        usage, recorded = without_output(usage), None
    ends_early, misplaced = Effect.ENDS_EARLY in effects, Effect.MISPLACED in effects
    unsure_output = Effect.UNSURE_OUTPUT in effects
    unsure_usage = Effect.UNSURE_USAGE in effects
    return _new(
        Reading,
        (
            kind, usage, provider, response_model, request_model, response_id, recorded, tier,
            address, session, output, error, feedback, num_calls, ends_early, unsure_output,
            unsure_usage, misplaced, is_weak, ignored, 0, user, metadata, terms, billed,
            False, shows_answer, tool, agent, first_token,
        ),
    )  # fmt: skip


def _entity(
    span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any], kind: Kind
) -> tuple[str | None, str | None]:
    """Return the names of the tool and of the agent that a span states."""
    if kind is _TOOL:
        return plan.entities.name(attributes, kind, span.name), None
    names = plan.entities
    if kind is _AGENT or (kind is _CHAIN and names.on_chain):
        return None, names.name(attributes, kind, span.name)
    return None, names.agent_of_call(attributes) if names.on_call and kind in CALLS else None


def _figures(
    plan: ReadingPlan,
    attributes: Mapping[str, Any],
    kind: Kind,
    effects: Effects,
    usage: Usage | None,
) -> tuple[Usage | None, int, int | None, tuple[str, ...]]:
    """Return usage, number of calls, recorded cost, and why values are ignored."""
    num_calls, recorded = 0, None
    ignored: list[str] = []
    if usage is None and plan.has_usage:
        usage, num_calls, ignored = read_usage(plan, attributes, effects, kind)
    if plan.states_cost:
        recorded, reasons = read_cost(
            plan, attributes, is_call=kind in CALLS, has_tokens=usage is not None
        )
        ignored = ignored + reasons
    return usage, num_calls, recorded, tuple(ignored)


def session_of(
    scope_name: str, scope_version: str, attributes: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """Return the session id among attributes of this scope, and whether it is weak.

    A weak id may be that of a conversation or thread (see ``sessions.py``).
    """
    keys = _SCOPES.get(scope_name, scope_version).plan(attributes).session
    return (None, False) if keys is None else read_session(keys, attributes)


def _names(
    plan: ReadingPlan, attributes: Mapping[str, Any]
) -> tuple[list[str | None], Terms | None]:
    """Return the names of a call, in the order of ``NAMES``, and its terms."""
    found: list[str | None] = [None, None, None, None, None, None]
    for position, keys in plan.names:
        value = attributes[keys[0]]
        if position == _RESPONSE_ID:  # of few uses, so it is not kept
            found[position] = text(value) or first_text(keys, attributes)
        else:
            name = _NAMES.get(value) if type(value) is str else None
            found[position] = name or _name(keys, attributes)
    if plan.model_texts and found[2] is None:
        found[1] = name_in_text(plan.model_texts, attributes, found[1])
    if plan.response_texts and found[_RESPONSE_ID] is None:
        found[_RESPONSE_ID] = name_in_text(plan.response_texts, attributes)
    if not plan.terms:
        return found, None
    answered, terms = read_terms(plan.terms, attributes)
    found[4] = found[4] or answered
    return found, terms


def _name(keys: tuple[str, ...], attributes: Mapping[str, Any]) -> str | None:
    """Return the first name under these keys; keep it."""
    name, value = first_text(keys, attributes), attributes[keys[0]]
    if name is not None and type(value) is str and value == name:
        if len(_NAMES) >= MAX_NAMES:
            _NAMES.clear()
        _NAMES[name] = name
    return name


def _event_feedback(span: SpanData) -> bool:
    return any(event.name in INDEX.feedback_events for event in span.events)


class Reader:
    """Read ended spans, and remember the session in which they started."""

    def __init__(self, read: Callable[[SpanData], Reading]) -> None:
        self._read = read
        self._begun: Recent[tuple[int, int], tuple[str, frozenset[str]]] = Recent(MAX_BEGUN // 2)
        self._last: tuple[str, frozenset[str]] = ("", frozenset())  # spans of a block share it
        self._has_any = False

    def began(self, trace_id: int, span_id: int, session_id: str, around: frozenset[str]) -> None:
        """Remember that a span starts in a session; ``around`` are the ids of outer blocks."""
        last = self._last
        if last[0] is not session_id or last[1] is not around:
            last = self._last = (session_id, around)
        self._has_any = True
        self._begun.put((trace_id, span_id), last)

    def read(self, span: SpanData) -> Reading:
        """Return the reading of an ended span."""
        reading = self._read(span)
        if self._has_any:
            begun = self._begun.pop((span.trace_id, span.span_id))
            if begun is not None and (
                reading.session_is_weak
                or reading.session_id is None
                or reading.session_id in begun[1]
            ):
                reading = reading._replace(session_id=begun[0], session_is_weak=False)
        return _lacking(span, reading) if span.dropped_attributes else reading


def _lacking(span: SpanData, reading: Reading) -> Reading:
    """Mark what may have been among the attributes that the SDK dropped from a span."""
    is_call, lacks = reading.kind in CALLS or reading.usage is not None, 0
    has_model = bool(reading.response_model or reading.request_model)
    if is_call and not span.failed and (reading.usage is None or not has_model):
        lacks |= LACKS_FIGURES
    if (is_call or span.parent_id is None) and reading.session_id is None:
        lacks |= LACKS_SESSION
    return reading._replace(lacks=lacks, ignored=(*reading.ignored, DROPPED)) if lacks else reading
