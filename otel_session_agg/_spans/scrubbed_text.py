"""Take the free text out of a JSON text, or a Python ``repr``, and leave its figures.

What is read of such texts is figures under known names (``conventions/``), and few short names.
A text is passed once, from left to right, in linear time; it keeps its form, because patterns of
the tables search in it.  Of what stands in it there remain

* brackets, commas, colons and blanks;
* names that the tables know; any other name becomes ``k0``, ``k1`` and so on;
* numbers and flags under such names; others are 0;
* the words of a closed list, and one word under the name of a model, a tier and the like;
* nothing of other strings: equal ones become the same ``t0``, ``t1`` and so on, since some lists
  are counted by their different items.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from otel_session_agg._reading.objects import MAX_TEXT_CHARS
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._schema import Text
from otel_session_agg.conventions._term_rows import TermText
from otel_session_agg.conventions._usage_fields import MEANINGS, MODALITY_LISTS, OTHER_UNITS

_MAX_SEARCHED_CHARS = 16_384
"""How much of a text that is too long to be parsed is searched for names."""
_MAX_WORD_CHARS = 256
_MAX_VALUE_CHARS = 1024
"""Length of a value of the metadata of a session."""
_UNREADABLE = "-"
"""Stands for a text in which nothing is stated."""

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<word>[^\s{}\[\](),:='"]+)
      | (?P<blank>\s+)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_AFTER_NAME = re.compile(r"\s*:")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.eE+-]{0,39}")
_WORD = re.compile(rf"[\w.:/@+-]{{1,{_MAX_WORD_CHARS}}}")
_RESPONSE = re.compile(r"(?:resp|run|batch)_\w{1,128}")
"""Ids of OpenAI's answers, by which the spans of one call are known."""
_PAIR = re.compile(r"(?<!\w)([A-Za-z_]\w*)=(\d{1,15})\b")
_NOT_IN_STRINGS = re.compile(r"[\x00-\x1f]")
_CONSTANTS = frozenset({"true", "false", "null", "True", "False", "None"})

_OF_COSTS = (
    "cost", "total_cost", "totalCost", "response_cost", "input_cost", "output_cost",
    "cost_in_usd_ticks", "costInUsdTicks", "cost_details", "costDetails",
    "upstream_inference_cost", "upstreamInferenceCost", "is_byok", "isByok", "gateway",
    "marketCost", "market_cost",
)  # fmt: skip
_OF_ANSWERS = (
    "usage", "usage_metadata", "usageMetadata", "iterations", "type", "role", "unit", "action",
    "modality", "token_count", "tokenCount", "candidates", "grounding_metadata",
    "groundingMetadata", "web_search_queries", "webSearchQueries", "streaming", "flex", "priority",
    "first_token_at", "meta", "id",
)  # fmt: skip
_SHORT = frozenset({
    "model", "modelId", "llm", "session_id", "thread_id", "conversation_id", "user_id", "userId",
    "lc_agent_name", "service_tier", "serviceTier", "traffic_type", "trafficType", "speed",
    "inference_geo", "inferenceGeo", "search_context_size", "searchContextSize", "first_token_at",
    "unit",
})  # fmt: skip
"""Names under which a word is kept: of models, sessions, users, agents, terms."""
_CLOSED = frozenset({
    "message", "compaction", "web_search_call", "search", "assistant", "AIMessageChunk", "text",
    "audio", "image", "video", "document",
})  # fmt: skip
"""Words that are kept wherever they stand: types that the readers know."""


def _known_names() -> Iterable[str]:
    yield from (*_OF_COSTS, *_OF_ANSWERS, *_SHORT, *MODALITY_LISTS)
    for name in MEANINGS:
        yield from name.split(".")
    for table in CONVENTIONS:
        for row in table.texts:
            yield from (*row.path, row.search, row.within)
        for term in table.terms:
            if isinstance(term, TermText):
                for name in (*term.tiers_at, *(one for row in term.terms.values() for one in row)):
                    yield from name.split(".")


_NAMES = frozenset(_known_names()) - {"", "*"}
_SEARCHED = frozenset(
    row.search for table in CONVENTIONS for row in table.texts if isinstance(row, Text)
) - {""}
"""Names of objects that are looked for inside of strings, too."""
_BRACKETS = re.compile(r"[{}()]")


def is_known(name: str) -> bool:
    """Return whether the readers may look for a name in an object."""
    return name in _NAMES or _unit_of(name) is not None


def _unit_of(name: str) -> str | None:
    """Return the unit that a name of a count ends with, if it is not that of tokens."""
    unit = name.lower().rpartition("_")[2]
    return unit if unit in OTHER_UNITS else None


class _Scrubber:
    """One text; ``keeps_all``: the numbers below all names are kept."""

    def __init__(self, *, keeps_all: bool, is_metadata: bool, is_inside: bool = False) -> None:
        self._keeps_all, self._is_metadata = keeps_all, is_metadata
        self._is_inside = is_inside
        self._names: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def scrub(self, text: str) -> str:
        found: list[str] = []
        depth, name, after = 0, None, ""
        for token in _TOKEN.finditer(text):
            kind, raw = token.lastgroup, token[0]
            if kind == "blank":
                found.append(raw)
                continue
            if kind == "mark":
                depth += (raw in "{[(") - (raw in "}])")
                found.append(raw)
                after = raw if raw in ":=" else ""
                name = name if after else None
                if raw in "\"'":  # it is not closed: the text cannot be read
                    break
                continue
            stated = name if after else None
            is_top = self._is_metadata and depth == 1
            if kind == "word":
                name = raw if text.startswith("=", token.end()) and is_known(raw) else None
                found.append(
                    self._name(name, is_top=False)
                    if name
                    else self._word(raw, stated, is_top=is_top)
                )
            elif _AFTER_NAME.match(text, token.end()) and not after:
                name = raw[1:-1]
                found.append(f"{raw[0]}{self._name(name, is_top=is_top)}{raw[0]}")
            else:
                found.append(self._string(raw, stated, is_top=is_top))
                name = None
            after = ""
        return "".join(found)

    def _name(self, name: str, *, is_top: bool) -> str:
        if name in _NAMES or (is_top and len(name) <= _MAX_VALUE_CHARS):
            return name
        unit = _unit_of(name)
        ending = "" if unit is None else f"_{unit}"
        return self._names.setdefault(name, f"k{len(self._names)}{ending}")

    def _word(self, word: str, name: str | None, *, is_top: bool) -> str:
        if word in _CONSTANTS:
            return word
        if not _NUMBER.fullmatch(word):
            return "x"
        return word if self._keeps_all or is_top or (name and is_known(name)) else "0"

    def _string(self, raw: str, name: str | None, *, is_top: bool) -> str:
        quote, inner = raw[0], raw[1:-1]
        if not inner or inner in _CLOSED:
            return raw
        if name is not None and is_top and len(inner) <= _MAX_VALUE_CHARS:
            return raw
        if name is not None and name in _SHORT and _WORD.fullmatch(inner):
            return raw
        if name == "id" and _RESPONSE.fullmatch(inner):
            return raw
        has_figure = name is not None and (self._keeps_all or is_known(name))
        if has_figure and (_NUMBER.fullmatch(inner) or inner in _CONSTANTS):
            return raw
        found = self._texts.setdefault(inner, f"t{len(self._texts)}")
        if not self._is_inside:
            found += self._inside(inner)
        control = _NOT_IN_STRINGS.search(inner)
        if control is not None:  # no JSON, and with a new line nothing else
            found += "\n" if "\n" in inner else "\t"
        return f"{quote}{found}{quote}"

    def _inside(self, inner: str) -> str:
        """Return the usage objects in a string, as far as the readers find them there."""
        if not any(name in inner for name in _SEARCHED):
            return ""
        return "".join(_objects_in(inner, name) for name in sorted(_SEARCHED) if name in inner)


def _objects_in(inner: str, name: str) -> str:
    """Return the first object of this name in its notation, and the last call of it."""
    pieces = []
    for quote in ('\\"', "\\'", '"', "'"):
        start = inner.find(f"{quote}{name}{quote}: {{")
        if start >= 0:
            at = start + len(name) + 2 * len(quote) + 2
            body = inner[at : _end_of(inner, at, "{", "}")]
            plain = body.replace(f"{quote}", '"') if len(quote) > 1 else body
            text = _inner(plain)
            text = text.replace('"', quote) if len(quote) > 1 else text
            pieces.append(f" {quote}{name}{quote}: {text}")
            break
    called = max((m.end() for m in re.finditer(rf"\b{name}=\w+\(", inner)), default=0)
    if called:
        body = inner[called - 1 : _end_of(inner, called - 1, "(", ")")]
        pieces.append(f" {name}=x{_inner(body)}")
    return "".join(pieces)


def _inner(text: str) -> str:
    return _Scrubber(keeps_all=False, is_metadata=False, is_inside=True).scrub(text)


def _end_of(text: str, start: int, opening: str, closing: str) -> int:
    depth = 0
    for bracket in _BRACKETS.finditer(text, start):
        depth += (bracket[0] == opening) - (bracket[0] == closing)
        if depth == 0:
            return bracket.end()
    return len(text)


def scrubbed(text: str, *, keeps_all: bool = False, is_metadata: bool = False) -> str:
    """Return a text without what is free text in it.

    Args:
        text: JSON, Python's ``repr``, or pairs ``name=number``.
        keeps_all: Keep the numbers of all names: those of an object of costs are added up.
        is_metadata: Keep the plain values of the object itself: what an application states of
            its session.

    """
    if not text or text.isspace():
        return ""
    if text.lstrip()[:1] not in ("{", "["):
        pairs = _PAIR.findall(text[:MAX_TEXT_CHARS])
        return " ".join(f"{n}={v}" for n, v in pairs if n in _NAMES) or _UNREADABLE
    if len(text) > MAX_TEXT_CHARS:  # it is searched for names, but not parsed
        return _Scrubber(keeps_all=False, is_metadata=False).scrub(text[:_MAX_SEARCHED_CHARS])
    return _Scrubber(keeps_all=keeps_all, is_metadata=is_metadata).scrub(text)
