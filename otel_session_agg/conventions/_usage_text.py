"""Usage objects that stand as text in an attribute: JSON, Python ``repr`` or ``name=value`` pairs.

An object is flattened to dotted names, and one table (``_usage_names``) says what each name means; what differs between
sources is only whether the input count includes the cached part, which is the *shape* of the source.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache

from otel_session_agg._values import count
from otel_session_agg.conventions._convention import Says, Text
from otel_session_agg.conventions._usage_names import RAW_CACHE, RAW_PROMPT, SAYS, WITHOUT_THOUGHTS

MAX_TEXT_CHARS = 65_536
"""Longer texts are prompts and answers, not usage; parsing them would cost more than the span."""

_MAX_DEPTH = 4
_MAX_SEARCH_DEPTH = 8

_BUCKETS_OF: Mapping[int, tuple[int, ...]] = {
    Says.PROMPT: (Says.CACHE_READ, Says.CACHE_WRITE, Says.AUDIO_PROMPT),
    Says.COMPLETION: (Says.REASONING, Says.AUDIO_COMPLETION),
}

_PAIR = re.compile(r"([A-Za-z_]\w*)=(\d{1,15})\b")

_BRACE = re.compile(r"[{}]")
_PARENTHESIS = re.compile(r"[()]")

Found = dict[int, int]


@lru_cache(maxsize=1)
def _parse(text: str) -> object:
    """The object behind the text, or ``None``; one text can be read for several things."""
    head = text.lstrip()[:1]
    try:
        if head == "{":
            try:
                return json.loads(text)
            except ValueError:
                return ast.literal_eval(text)
        return dict(_PAIR.findall(text)) or None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _flatten(value: Mapping[object, object], prefix: str, depth: int, into: dict[str, object]) -> None:
    for key, item in value.items():
        if not isinstance(key, str):  # no name of ours; a huge integer cannot even be written out
            continue
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            if depth:
                _flatten(item, f"{name}.", depth - 1, into)
        else:
            into[name] = item


def _named(value: Mapping[object, object]) -> tuple[Found, dict[int, str]]:
    """What the object says, and by which name it says it."""
    flat: dict[str, object] = {}
    _flatten(value, "", _MAX_DEPTH, flat)
    best: dict[int, tuple[int, str, int]] = {}
    for name, item in flat.items():
        hit = SAYS.get(name)
        number = count(item) if hit else None
        if hit is not None and number is not None and (hit[0] not in best or hit[1] < best[hit[0]][0]):
            best[hit[0]] = (hit[1], name, number)
    return {says: row[2] for says, row in best.items()}, {says: row[1] for says, row in best.items()}


def _with_thoughts(found: Found, names: Mapping[int, str]) -> Found:
    """Gemini's output with its thoughts, unless the total shows that it has them: Google ADK has Gemini's names for all models."""
    if names.get(Says.COMPLETION) not in WITHOUT_THOUGHTS:
        return found
    if found.get(Says.TOTAL) != found.get(Says.PROMPT, 0) + found[Says.COMPLETION]:
        found[Says.COMPLETION] += found.get(Says.REASONING, 0)
    return found


def inclusive(value: Mapping[object, object]) -> Found:
    """Input that includes its cached part: OpenAI, LangChain, CrewAI."""
    return _with_thoughts(*_named(value))


def native(value: Mapping[object, object]) -> Found:
    """A provider's own answer: Anthropic's and Bedrock's input leaves the cached part out."""
    found, names = _named(value)
    _with_thoughts(found, names)
    raw_cache = {names.get(Says.CACHE_READ), names.get(Says.CACHE_WRITE)} & RAW_CACHE
    if raw_cache and names.get(Says.PROMPT) in RAW_PROMPT:
        found[Says.EXCLUSIVE] = 1
    return found


def buckets(value: Mapping[object, object]) -> Found:
    """Langfuse's usage details: parts that do not overlap, unless the total shows that they do."""
    found, names = _named(value)
    if names.get(Says.PROMPT) != "input" and names.get(Says.COMPLETION) != "output":
        return inclusive(value)
    written = found.get(Says.CACHE_WRITE_5M, 0) + found.get(Says.CACHE_WRITE_1H, 0)
    if written and not found.get(Says.CACHE_WRITE):  # 0 beside its parts: LangChain
        found[Says.CACHE_WRITE] = written
    for whole, parts in _BUCKETS_OF.items():
        if whole not in found and any(part in found for part in parts):
            found[whole] = 0
    net = found.get(Says.PROMPT, 0) + found.get(Says.COMPLETION, 0)
    if Says.TOTAL in found and found[Says.TOTAL] <= net:
        return found
    for whole, parts in _BUCKETS_OF.items():
        if whole in found:
            found[whole] += sum(found.get(part, 0) for part in parts)
    return found


def provider_metadata(value: Mapping[object, object]) -> Found:
    """The AI SDK's provider metadata: one object per provider, usage in or below it."""
    merged: Found = {}
    for item in value.values():
        if isinstance(item, Mapping):
            usage = next((item[key] for key in ("usage", "usageMetadata") if isinstance(item.get(key), Mapping)), None)
            found = native(usage) if usage is not None else {}
            for says, number in _named(item)[0].items():
                found.setdefault(says, number)
            merged = {**found, **merged}
    return merged


SHAPES = {
    "inclusive": inclusive,
    "native": native,
    "buckets": buckets,
    "provider_metadata": provider_metadata,
    "stated": inclusive,
}
"""How an object is to be understood; ``stated`` leaves the question of the cached part to the figures."""


def _written_in(text: str, name: str) -> object:
    """The first object of that name inside the ``repr`` of an object."""
    start = next((at + len(name) + 4 for at in (text.find(f"{quote}{name}{quote}: {{") for quote in "'\"") if at >= 0), 0)
    depth = 0
    for brace in _BRACE.finditer(text, start) if start else ():
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return _parse(text[start : brace.end()])
    return None if start else _called(text, name)


def _called(text: str, name: str) -> object:
    """The last object of that name inside the ``repr`` of a Python object: ``usage=Usage(total_tokens=3)``."""
    start = max((match.end() for match in re.finditer(rf"\b{name}=\w+\(", text)), default=0)
    depth = 1
    for parenthesis in _PARENTHESIS.finditer(text, start) if start else ():
        depth += 1 if parenthesis[0] == "(" else -1
        if depth == 0:
            return _parse(text[start : parenthesis.start()])
    return None


def _found(value: object, name: str, depth: int) -> object:
    """The first object of that name, wherever it stands."""
    if isinstance(value, Mapping):
        if isinstance(value.get(name), Mapping):
            return value[name]
        children: list[object] = list(value.values())
    elif isinstance(value, list):
        children = value
    elif isinstance(value, str):
        return _written_in(value, name)
    else:
        return None
    below = (_found(child, name, depth - 1) for child in children) if depth else ()
    return next((found for found in below if found is not None), None)


def read(value: object, text: Text) -> Found | None:
    """What a text attribute says, or ``None`` when it is no usage object (or too long to be one)."""
    parsed: object = value
    if isinstance(value, str):
        parsed = _parse(value) if len(value) <= MAX_TEXT_CHARS else None
    for key in text.path:
        parsed = parsed.get(key) if isinstance(parsed, Mapping) else None
    if text.search:
        parsed = _found(parsed, text.search, _MAX_SEARCH_DEPTH)
    if text.within:
        parsed = {text.within: parsed}
    if not isinstance(parsed, Mapping):
        return None
    return SHAPES[text.shape](parsed) or None
