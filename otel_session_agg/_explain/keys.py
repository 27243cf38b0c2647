"""Find out which key of a span states what was read from it.

There is no second reader that could disagree with the first: the span is read again without a key,
and what changes is what that key states.  Where no single key changes anything, several state the
same; keys are then taken away from the last in the reader's order of precedence to the first, as
long as nothing changes.  Those that are left state it, and the search goes on without them for
others that state the same.

A span's name, status and events are left out like keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._reading.plan import MAX_PLAN_KEYS, Scopes
from otel_session_agg._reading.span import read
from otel_session_agg.conventions._schema import Meaning

NAME, STATUS, EVENTS = "span name", "span status", "span events"

MAX_KEYS = 64
"""Keys of a span that are left out one by one; real spans have about twenty with a meaning."""

_LONG_TEXT = 4096
"""Characters of texts that are left out together, if nothing depends on them: messages."""

_MAX_MORE = 3
"""How often further keys are searched that state the same."""


class Stated(NamedTuple):
    """The keys that state one thing."""

    keys: tuple[str, ...]
    """All of them are needed; none: it is stated nowhere, but follows from the rest."""
    also: tuple[str, ...] = ()
    """Keys that state the same, of lower precedence."""


def _of_usage(name: str) -> Callable[[Reading], Any]:
    return lambda reading: None if reading.usage is None else getattr(reading.usage, name)


def _of_reading(name: str) -> Callable[[Reading], Any]:
    return lambda reading: getattr(reading, name)


_NAMES = (
    "kind", "recorded_pusd", "response_model", "request_model", "provider", "response_id",
    "service_tier", "session_id", "user_id", "tool_name", "agent_name", "first_token_ns", "error",
    "ignored",
)  # fmt: skip
FIELDS: Mapping[str, Callable[[Reading], Any]] = {
    **{name: _of_usage(name) for name in Usage._fields},
    **{name: _of_reading(name) for name in _NAMES},
}
"""What can be stated, and how to get it from a reading."""

_OF_ENTITIES = frozenset(("tool_name", "agent_name"))
"""What the name of a span may state, too."""

_SILENT = {name: get(Reading(Kind.SPAN)) for name, get in FIELDS.items()}


class _Span:
    """A span that can be read without some of its keys."""

    def __init__(self, span: SpanData, scopes: Scopes) -> None:
        scope = scopes.get(span.scope_name, span.scope_version)
        if scope.has_events and span.events:  # their attributes are read as those of the span
            attributes = dict(scope.with_events(span.attributes, span.events))
            events = tuple(event._replace(attributes={}) for event in span.events)
            merged = span._replace(attributes=attributes, events=events)
            span = merged if read(merged, scopes) == read(span, scopes) else span
        self.scopes = scopes
        self._span = span
        self._known: dict[frozenset[str], Reading] = {}
        self.reading = self.without(frozenset())
        self._drop_unused()
        self.of_kinds = frozenset({NAME})
        """What names the kind, and nothing else."""
        self.keys = self._ordered()
        """Keys, in the reader's order of precedence, then the parts of a span beside them."""

    def without(self, left_out: frozenset[str]) -> Reading:
        """Return what the span states without some keys."""
        found = self._known.get(left_out)
        if found is None:
            found = self._known[left_out] = read(_less(self._span, left_out), self.scopes)
        return found

    def _drop_unused(self) -> None:
        """Forget keys that change nothing even if all of them are left out."""
        attributes = self._span.attributes
        plan = self.scopes.get(self._span.scope_name, self._span.scope_version).plan(attributes)
        known = {entry.key for entries in plan.entries.values() for entry in entries}
        unused = frozenset(key for key in attributes if key not in known)
        long = frozenset(
            key
            for key, value in attributes.items()
            if type(value) is str and len(value) > _LONG_TEXT
        )
        for keys in (unused, long):
            if keys and _facts(self.without(keys)) == _facts(self.reading):
                self._span = _less(self._span, keys)
                self._known = {frozenset(): self.reading}

    def _ordered(self) -> Sequence[str]:
        span = self._span
        plan = self.scopes.get(span.scope_name, span.scope_version).plan(span.attributes)
        rows = [entry for entries in plan.entries.values() for entry in entries]
        rows.sort(key=lambda entry: (entry.precedence, entry.convention))
        self.of_kinds |= {row.key for row in rows if row.meaning == Meaning.KIND}
        keys = dict.fromkeys(row.key for row in rows)
        if len(span.attributes) <= MAX_PLAN_KEYS:
            keys.update(dict.fromkeys(span.attributes))
        more = [NAME] * bool(span.name) + [STATUS] * span.failed + [EVENTS] * bool(span.events)
        return [*list(keys)[:MAX_KEYS], *more]


def _facts(reading: Reading) -> Reading:
    """Return what is shown of a reading: no raw output."""
    return reading._replace(output=None, metadata=None)


def _less(span: SpanData, left_out: frozenset[str]) -> SpanData:
    attributes = {key: value for key, value in span.attributes.items() if key not in left_out}
    if NAME in left_out:
        span = span._replace(name="")
    if STATUS in left_out:
        span = span._replace(failed=False, status_description=None)
    if EVENTS in left_out:
        span = span._replace(events=())
    return span._replace(attributes=attributes)


def stated_by(span: SpanData, scopes: Scopes) -> dict[str, Stated]:
    """Return for each thing that a span states which keys state it, by the names in ``FIELDS``.

    ``scopes``: where it is remembered what keys mean; not that of the application's spans.
    """
    one = _Span(span, scopes)
    values = {name: get(one.reading) for name, get in FIELDS.items()}
    names = [name for name, value in values.items() if value != _SILENT[name]]
    found: dict[str, list[str]] = {name: [] for name in names}
    for key in one.keys if names else ():
        reading = one.without(frozenset((key,)))
        for name in names:
            if FIELDS[name](reading) != values[name]:
                found[name].append(key)
    stated: dict[str, Stated] = {}
    for name, keys in found.items():
        if name in _OF_ENTITIES:
            stated[name] = _of_entity(one, name, values[name], keys)
        else:
            row = Stated(tuple(keys)) if keys else _together(one, name, values[name])
            stated[name] = row if name == "kind" else _beside(row, one.of_kinds)
    return stated


def _of_entity(one: _Span, name: str, value: object, keys: Sequence[str]) -> Stated:
    """Return the keys of a tool's or agent's name; what names its kind does not state it."""
    of_kinds = one.of_kinds - {NAME}
    if of_kinds.issuperset(keys):
        return _together(one, name, value, of_kinds)
    return Stated(tuple(key for key in keys if key not in one.of_kinds) or (NAME,))


def _beside(stated: Stated, of_kinds: frozenset[str]) -> Stated:
    """Return keys without those that only state that the span is a call, if others are left."""
    keys = tuple(key for key in stated.keys if key not in of_kinds)
    if not keys:
        return stated
    return Stated(keys, tuple(key for key in stated.also if key not in of_kinds))


def _together(one: _Span, name: str, value: object, kept: frozenset[str] = frozenset()) -> Stated:
    """Return the keys of what no single key changes; ``kept`` are never left out."""
    get = FIELDS[name]
    sets: list[tuple[str, ...]] = []
    gone: frozenset[str] = frozenset()
    while len(sets) <= _MAX_MORE and get(one.without(gone)) == value:
        rest = [key for key in one.keys if key not in gone and key not in kept]
        left_out = _unneeded(lambda keys: get(one.without(keys)) == value, rest, gone)
        keys = tuple(key for key in rest if key not in left_out)
        if not keys:
            break
        sets.append(keys)
        gone |= frozenset(keys)
    return Stated(sets[0], tuple(key for keys in sets[1:] for key in keys)) if sets else Stated(())


def _unneeded(
    is_same: Callable[[frozenset[str]], bool], keys: Sequence[str], left_out: frozenset[str]
) -> frozenset[str]:
    """Return what can be left out besides ``left_out``, the last of the keys first."""
    if is_same(left_out.union(keys)):
        return left_out.union(keys)
    if len(keys) > 1:
        half = len(keys) // 2
        left_out = _unneeded(is_same, keys[half:], left_out)
        left_out = _unneeded(is_same, keys[:half], left_out)
    return left_out
