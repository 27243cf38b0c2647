"""Turn parsed usage objects into counts by meaning.

An object is flattened to dotted names, and one table (``conventions/_usage_fields.py``) gives each
name its meaning.  Sources differ only in which parts a count includes, which is their *shape*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from otel_session_agg._untrusted.values import count
from otel_session_agg.conventions._schema import Meaning
from otel_session_agg.conventions._usage_fields import (
    BILLED_ITERATIONS,
    MEANINGS,
    MODALITIES,
    MODALITY_LISTS,
    OTHER_UNITS,
    RAW_CACHE,
    RAW_PROMPT,
    WITHOUT_THOUGHTS,
    WITHOUT_TOOLS,
)

_MAX_DEPTH = 4
_MAX_NAME_CHARS = 128
"""Length of a name.  Those in the table are shorter, whole ones, too; a longer one would be
repeated in front of every name below it."""

_BUCKETS_OF: Mapping[int, tuple[int, ...]] = {
    Meaning.PROMPT: (
        Meaning.CACHE_READ, Meaning.CACHE_WRITE, Meaning.AUDIO_PROMPT, Meaning.IMAGE_PROMPT,
        Meaning.TOOL_PROMPT,
    ),
    Meaning.COMPLETION: (Meaning.REASONING, Meaning.AUDIO_COMPLETION, Meaning.IMAGE_COMPLETION),
}  # fmt: skip
"""Parts that Langfuse states beside the whole."""

_ALL_OUTPUT = frozenset((Meaning.TOTAL, Meaning.REASONING))

Counts = dict[int, int]
"""Counts by meaning."""


def _flatten(
    value: Mapping[object, object], prefix: str, depth: int, into: dict[str, object]
) -> None:
    for key, item in value.items():
        # no name of the table; a huge integer cannot even be formatted
        if not isinstance(key, str) or len(key) > _MAX_NAME_CHARS:
            continue
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            if depth:
                _flatten(item, f"{name}.", depth - 1, into)
        elif isinstance(item, list):
            if key in MODALITY_LISTS:
                _add_modalities(item, f"{prefix}{MODALITY_LISTS[key]}", into)
        else:
            into[name] = item


def _add_modalities(items: list[object], prefix: str, into: dict[str, object]) -> None:
    """Add up a list of counts by modality, as Gemini states them."""
    found: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Mapping):
            modality = item.get("modality")
            tokens = count(item.get("token_count", item.get("tokenCount")))
            if isinstance(modality, str) and tokens is not None:
                found[modality.lower()] += tokens
    for modality in MODALITIES if found else ():
        name = f"{prefix}.{modality}"
        into[name] = (count(into.get(name)) or 0) + found[modality]


def _objects(items: list[object]) -> list[Mapping[object, object]]:
    return [item for item in items if isinstance(item, Mapping)]


def _named(value: Mapping[object, object]) -> tuple[Counts, dict[int, str]]:
    """Return the counts of an object, and the name of each."""
    flat: dict[str, object] = {}
    _flatten(value, "", _MAX_DEPTH, flat)
    best: dict[int, tuple[int, str, int]] = {}
    for name, item in flat.items():
        hit = MEANINGS.get(name)
        number = count(item) if hit else None
        if hit is None or number is None:
            continue
        meaning, precedence = hit
        if meaning not in best or precedence < best[meaning][0]:
            best[meaning] = (precedence, name, number)
    found = {meaning: row[2] for meaning, row in best.items()}
    return found, {meaning: row[1] for meaning, row in best.items()}


def _of_gemini(found: Counts, names: Mapping[int, str]) -> Counts:
    """Add Gemini's thoughts to its output, and the input of its tools to its input.

    Neither is added if the total shows that it is included: Google ADK has Gemini's names for all
    models.  What a total has beyond all stated parts is thoughts, unless these are stated.
    """
    has_no_answer = Meaning.COMPLETION not in found and found.keys() & _ALL_OUTPUT
    if has_no_answer and names.get(Meaning.PROMPT) in WITHOUT_TOOLS:
        found[Meaning.COMPLETION] = 0  # all output is thoughts
    elif names.get(Meaning.COMPLETION) not in WITHOUT_THOUGHTS:
        return found
    prompt, completion = found.get(Meaning.PROMPT, 0), found[Meaning.COMPLETION]
    total = found.get(Meaning.TOTAL)
    thoughts, tools = found.get(Meaning.REASONING, 0), found.get(Meaning.TOOL_PROMPT, 0)
    beyond = None if total is None else total - prompt - completion
    if beyond != 0 and (beyond != thoughts or not thoughts):
        prompt += tools
    if beyond != 0 and (beyond != tools or not tools):
        completion += thoughts
    rest = 0 if total is None else total - prompt - completion
    if rest > 0 and Meaning.REASONING in found:
        prompt, tools = prompt + rest, tools + rest
    elif rest > 0:
        completion, found[Meaning.REASONING] = completion + rest, rest
    if tools:
        found[Meaning.TOOL_PROMPT] = tools
        found[Meaning.WITH_TOOLS] = 1
    if Meaning.PROMPT in found:
        found[Meaning.PROMPT] = prompt
    found[Meaning.COMPLETION] = completion
    return found


def _with_iterations(
    value: Mapping[object, object], found: Counts, names: dict[int, str]
) -> Counts:
    """Add up the iterations of one call; Anthropic's counts beside their list exclude compactions.

    What other models used (an advisor, or an attempt that was declined) is not in the sum: it has
    another price, if any.
    """
    listed = value.get("iterations")
    items = _objects(listed) if isinstance(listed, list) else []
    billed = [item for item in items if item.get("type") in BILLED_ITERATIONS]
    models = {model for item in billed if isinstance(model := item.get("model"), str)}
    left_over = items
    if len(models) <= 1:
        left_over = [item for item in items if item.get("type") not in BILLED_ITERATIONS]
    other_tokens = sum(tokens for item in left_over for tokens in _named(item)[0].values())
    if other_tokens:
        found[Meaning.OTHER_MODEL] = other_tokens
    if len(models) > 1:
        return found
    added: Counts = {}
    for item in billed:
        counts, item_names = _named(item)
        for meaning, tokens in counts.items():
            added[meaning] = added.get(meaning, 0) + tokens
            names.setdefault(meaning, item_names[meaning])
    if Meaning.PROMPT in added and names.get(Meaning.PROMPT) not in RAW_PROMPT:
        added[Meaning.PROMPT] += added.get(Meaning.CACHE_READ, 0) + added.get(
            Meaning.CACHE_WRITE, 0
        )
    added.pop(Meaning.TOTAL, None)
    if all(tokens <= found.get(meaning, 0) for meaning, tokens in added.items()):
        return found
    if Meaning.PROMPT in found and Meaning.COMPLETION in found:
        found[Meaning.OUTER_PROMPT] = found[Meaning.PROMPT]
        found[Meaning.OUTER_COMPLETION] = found[Meaning.COMPLETION]
        cached = found.get(Meaning.CACHE_READ, 0) + found.get(Meaning.CACHE_WRITE, 0)
        found[Meaning.OUTER_CACHED] = cached
    found.pop(Meaning.TOTAL, None)
    found.update({meaning: max(tokens, found.get(meaning, 0)) for meaning, tokens in added.items()})
    found[Meaning.NUM_CALLS] = len(billed)
    return found


def _of_tokens(value: Mapping[object, object], found: Counts, names: Mapping[int, str]) -> Counts:
    """Drop counts that are not of tokens: an object in another unit, a total with other units."""
    unit = value.get("unit")
    if isinstance(unit, str) and unit and not unit.lower().startswith("token"):
        return {}
    if names.get(Meaning.TOTAL) == "total" and any(
        isinstance(key, str) and key.lower().rpartition("_")[2] in OTHER_UNITS and count(item)
        for key, item in value.items()
    ):
        del found[Meaning.TOTAL]
    return found


def _read(value: Mapping[object, object]) -> tuple[Counts, dict[int, str]]:
    found, names = _named(value)
    return _with_iterations(value, _of_gemini(_of_tokens(value, found, names), names), names), names


def inclusive(value: Mapping[object, object]) -> Counts:
    """Return counts whose prompt includes the cached part: OpenAI, LangChain, CrewAI."""
    return _read(value)[0]


def native(value: Mapping[object, object]) -> Counts:
    """Return counts of a provider's answer; Anthropic's and Bedrock's prompt excludes the cache."""
    found, names = _read(value)
    raw_cache = {names.get(Meaning.CACHE_READ), names.get(Meaning.CACHE_WRITE)} & RAW_CACHE
    if raw_cache and names.get(Meaning.PROMPT) in RAW_PROMPT:
        found[Meaning.EXCLUSIVE] = 1
    return found


def buckets(value: Mapping[object, object]) -> Counts:
    """Return counts of Langfuse's usage details: parts do not overlap unless the total shows it."""
    found, names = _named(value)
    found = _of_tokens(value, found, names)
    if names.get(Meaning.PROMPT) != "input" and names.get(Meaning.COMPLETION) != "output":
        return native(value)
    written = found.get(Meaning.CACHE_WRITE_5M, 0) + found.get(Meaning.CACHE_WRITE_1H, 0)
    if written and not found.get(Meaning.CACHE_WRITE):  # LangChain: 0 beside its parts
        found[Meaning.CACHE_WRITE] = written
    for whole, parts in _BUCKETS_OF.items():
        if whole not in found and any(part in found for part in parts):
            found[whole] = 0
    net = found.get(Meaning.PROMPT, 0) + found.get(Meaning.COMPLETION, 0)
    if Meaning.TOTAL in found and found[Meaning.TOTAL] <= net:
        return found
    if Meaning.TOOL_PROMPT in found:
        found[Meaning.WITH_TOOLS] = 1
    for whole, parts in _BUCKETS_OF.items():
        if whole in found:
            found[whole] += sum(found.get(part, 0) for part in parts)
    return found


def _queries(value: Mapping[object, object]) -> list[object] | None:
    metadata = value.get("grounding_metadata", value.get("groundingMetadata"))
    if not isinstance(metadata, Mapping):
        return None
    queries = metadata.get("web_search_queries", metadata.get("webSearchQueries"))
    return queries if isinstance(queries, list) else None


def grounding(value: Mapping[object, object]) -> Counts:
    """Return the searches of a Gemini answer's grounding; Google bills repeated queries once."""
    candidates = value.get("candidates")
    items = [value, *_objects(candidates)] if isinstance(candidates, list) else [value]
    listed = [queries for item in items if (queries := _queries(item)) is not None]
    if not listed:
        return {}
    different = {query for queries in listed for query in queries if isinstance(query, str)}
    return {Meaning.WEB_SEARCHES: len(different - {""})}


def provider_metadata(value: Mapping[object, object]) -> Counts:
    """Return counts of the AI SDK's provider metadata: an object per provider with usage."""
    merged: Counts = {}
    for item in value.values():
        if isinstance(item, Mapping):
            below = (item.get(key) for key in ("usage", "usageMetadata"))
            usage = next((child for child in below if isinstance(child, Mapping)), None)
            if usage is not None and "iterations" not in usage and "iterations" in item:
                usage = {**usage, "iterations": item["iterations"]}
            found = native(usage) if usage is not None else {}
            for meaning, number in _named(item)[0].items():
                found.setdefault(meaning, number)
            for meaning, number in grounding(item).items():
                found.setdefault(meaning, number)
            merged = {**found, **merged}
    return merged


def searches(value: Mapping[object, object]) -> Counts:
    """Return the searches of an OpenAI answer's own tool; opening a page that was found is none.

    LangChain has the parts of the answer as the content of a message.
    """
    items = value.get("output", value.get("content"))
    calls = _objects(items) if isinstance(items, list) else []
    actions = [item.get("action") for item in calls if item.get("type") == "web_search_call"]
    made = [a for a in actions if not isinstance(a, Mapping) or a.get("type", "search") == "search"]
    return {Meaning.WEB_SEARCHES: len(made)}


def genai(value: Mapping[object, object]) -> Counts:
    """Return counts of an object of attributes, whose names are those of GenAI."""
    named = [(key, item) for key, item in value.items() if isinstance(key, str)]
    prefix = "gen_ai.usage."
    return _read({key.removeprefix(prefix): item for key, item in named if prefix in key})[0]


SHAPES = {
    "inclusive": inclusive,
    "native": native,
    "buckets": buckets,
    "provider_metadata": provider_metadata,
    "searches": searches,
    "grounding": grounding,
    "stated": inclusive,
    "genai": genai,
}
"""Readers by shape; ``stated`` leaves the question of the cached part to the other counts."""
