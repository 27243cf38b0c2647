"""Read the names of tools and agents: by keys, by texts, by the span's name without its operation.

Names come from users and models; they may hold anything that is text, and are escaped where they
are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import Kind
from otel_session_agg._reading.index import KeyMeaning, keys_of
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import MAX_TEXT_CHARS, plain_text, text
from otel_session_agg.conventions._schema import Meaning, NameText, SpanNames

MAX_NAME_CHARS = 128
"""Characters of a name that are kept: of a tool, providers allow 64 or 128."""

MAX_KNOWN = 4096
"""Names that are known to be valid as they stand, and names of spans that contain one: a process
has a few dozen."""

_MAX_SPAN_NAME_CHARS = 256
"""Characters of the name of a span that is remembered; longer ones are rare."""

_MAX_SEARCHED_CHARS = 16_384
"""How much of a text is searched for a name."""

_TOOL, _CHAIN = Kind.TOOL, Kind.CHAIN

_known: dict[str, str] = {}


class SpanNaming:
    """How the spans of one scope are named."""

    __slots__ = ("_after", "_before", "_nameless_before", "nameless", "scope")

    def __init__(self, rows: Iterable[SpanNames], scope: str) -> None:
        self.scope = scope
        """The name of the scope."""
        own = [row for row in rows if scope.startswith(row.scopes or ("",))]
        self._before = tuple(part for row in own for part in row.before)
        self._after = tuple(part for row in own for part in row.after)
        self.nameless = frozenset(name for row in own for name in row.nameless)
        """What names no tool or agent, as the name of a span or under a key."""
        self._nameless_before = tuple(part for row in own for part in row.nameless_before)

    def name_in(self, span_name: str) -> str | None:
        """Return the name of the tool or agent in the name of its span, if there is one."""
        key = (self, span_name)
        if key in _named:
            return _named[key]
        name = self._without_operation(span_name)
        if len(span_name) <= _MAX_SPAN_NAME_CHARS:
            if len(_named) >= MAX_KNOWN:
                _named.clear()
            _named[key] = name
        return name

    def _without_operation(self, span_name: str) -> str | None:
        if span_name in self.nameless or span_name.startswith(self._nameless_before):
            return None
        start = next((part for part in self._before if span_name.startswith(part)), "")
        end = next((part for part in self._after if span_name.endswith(part)), "")
        return short_name(span_name.removeprefix(start).removesuffix(end))


_named: dict[tuple[SpanNaming, str], str | None] = {}


class EntityNames:
    """Where the spans of one plan have the names of tools and agents."""

    __slots__ = (
        "_naming", "_of_agents", "_of_calls", "_of_chains", "_of_tools", "_texts", "on_call",
        "on_chain",
    )  # fmt: skip

    def __init__(self, entries: Mapping[int, Sequence[KeyMeaning]], naming: SpanNaming) -> None:
        self._naming = naming
        of_any = keys_of(entries, Meaning.ENTITY_NAME)
        self._of_calls = keys_of(entries, Meaning.AGENT_NAME)
        """Keys of the agent that makes a call."""
        self._of_chains = keys_of(entries, Meaning.CHAIN_AGENT)
        """Keys of the agent that a chain is part of."""
        self._of_agents = self._of_calls + of_any
        self._of_tools = keys_of(entries, Meaning.TOOL_NAME) + of_any
        self._texts = tuple(
            (entry.key, re.compile(entry.row.pattern))
            for entry in entries.get(Meaning.AGENT_TEXT, ())
            if isinstance(entry.row, NameText)
        )
        """Keys of texts that contain the same name, and its pattern."""
        self.on_call = bool(self._of_calls or self._texts)
        """Whether a call may state its agent."""
        self.on_chain = bool(self._of_chains or self._texts)
        """Whether a chain may state its agent."""

    def name(self, attributes: Mapping[str, Any], kind: Kind, span_name: str) -> str | None:
        """Return the name of a tool or agent: by a key or text, or by its span's.

        Of a chain, that is the agent that it states to be part of.
        """
        if kind is _CHAIN:
            return self._stated(self._of_chains, attributes) or self._in_texts(attributes)
        keys = self._of_tools if kind is _TOOL else self._of_agents
        name = self._stated(keys, attributes) if keys else None
        if name is None and self._texts and kind is not _TOOL:
            name = self._in_texts(attributes)
        return name or self._naming.name_in(span_name)

    def agent_of_call(self, attributes: Mapping[str, Any]) -> str | None:
        """Return the agent that a call states to be made by."""
        return self._stated(self._of_calls, attributes) or self._in_texts(attributes)

    def _stated(self, keys: tuple[str, ...], attributes: Mapping[str, Any]) -> str | None:
        """Return the first valid name under these keys, which must be there."""
        for key in keys:
            value = attributes[key]
            name = _known.get(value) if type(value) is str else None
            if name is None:
                name = short_name(value)
            if name is not None and name not in self._naming.nameless:
                return name
        return None

    def _in_texts(self, attributes: Mapping[str, Any]) -> str | None:
        """Return the name in the first text that has exactly one."""
        for key, pattern in self._texts:
            value = plain_text(attributes[key])
            found = set(pattern.findall(value, 0, _MAX_SEARCHED_CHARS)) if value else ()
            if len(found) == 1:
                name = short_name(_of_json(*found))
                if name is not None and name not in self._naming.nameless:
                    return name
        return None


def _of_json(name: str) -> object:
    """Return what a text in JSON stands for, given without its quotes."""
    if "\\" not in name:
        return name
    try:
        return loaded(f'"{name}"')
    except ValueError:  # no escape of JSON
        return None


def short_name(value: object) -> str | None:
    """Return a name as text of at most ``MAX_NAME_CHARS`` characters; ``None``: it is none."""
    whole = plain_text(value)
    if whole is not None and len(whole) > MAX_TEXT_CHARS:
        value = whole[:MAX_TEXT_CHARS]
    name = text(value)
    if name is None or len(name) > MAX_NAME_CHARS:
        return None if name is None else name[:MAX_NAME_CHARS].strip()
    if type(value) is str and value == name:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[name] = name
    return name
