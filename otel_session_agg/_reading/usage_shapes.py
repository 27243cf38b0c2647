"""What usage objects mean: a parsed object of a known shape becomes counts by what they say.

An object is flattened to dotted names, and one table (``_usage_names``) says what each name means; what differs between
sources is only whether the input count includes the cached part, which is the *shape* of the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from otel_session_agg._values import count
from otel_session_agg.conventions._schema import Meaning
from otel_session_agg.conventions._usage_fields import (
    BILLED_ITERATIONS,
    MODALITIES,
    MODALITY_LISTS,
    OTHER_UNITS,
    RAW_CACHE,
    RAW_PROMPT,
    SAYS,
    WITHOUT_THOUGHTS,
    WITHOUT_TOOLS,
)

_MAX_DEPTH = 4
_MAX_NAME_CHARS = 128
"""Names of ours are shorter, whole ones, too; longer ones would be repeated in front of all that stands below them."""

_BUCKETS_OF: Mapping[int, tuple[int, ...]] = {
    Meaning.PROMPT: (
        Meaning.CACHE_READ,
        Meaning.CACHE_WRITE,
        Meaning.AUDIO_PROMPT,
        Meaning.IMAGE_PROMPT,
        Meaning.TOOL_PROMPT,
    ),
    Meaning.COMPLETION: (Meaning.REASONING, Meaning.AUDIO_COMPLETION, Meaning.IMAGE_COMPLETION),
}

_ALL_OUTPUT = frozenset((Meaning.TOTAL, Meaning.REASONING))

Found = dict[int, int]


def _flatten(
    value: Mapping[object, object], prefix: str, depth: int, into: dict[str, object]
) -> None:
    for key, item in value.items():
        if (
            not isinstance(key, str) or len(key) > _MAX_NAME_CHARS
        ):  # no name of ours; a huge integer cannot even be written out
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
            modality, tokens = (
                item.get("modality"),
                count(item.get("token_count", item.get("tokenCount"))),
            )
            if isinstance(modality, str) and tokens is not None:
                found[modality.lower()] += tokens
    for modality in MODALITIES if found else ():
        name = f"{prefix}.{modality}"
        into[name] = (count(into.get(name)) or 0) + found[modality]


def _named(value: Mapping[object, object]) -> tuple[Found, dict[int, str]]:
    """What the object says, and by which name it says it."""
    flat: dict[str, object] = {}
    _flatten(value, "", _MAX_DEPTH, flat)
    best: dict[int, tuple[int, str, int]] = {}
    for name, item in flat.items():
        hit = SAYS.get(name)
        number = count(item) if hit else None
        if (
            hit is not None
            and number is not None
            and (hit[0] not in best or hit[1] < best[hit[0]][0])
        ):
            best[hit[0]] = (hit[1], name, number)
    return {says: row[2] for says, row in best.items()}, {
        says: row[1] for says, row in best.items()
    }


def _of_gemini(found: Found, names: Mapping[int, str]) -> Found:
    """Gemini's output with its thoughts and its input with that of its tools, as far as the total does not show that they are in.

    Google ADK has Gemini's names for all models.  What a total has beyond all stated parts is thoughts, unless these are stated.
    """
    if (
        names.get(Meaning.PROMPT) in WITHOUT_TOOLS
        and Meaning.COMPLETION not in found
        and found.keys() & _ALL_OUTPUT
    ):
        found[Meaning.COMPLETION] = 0  # all that was generated are thoughts
    elif names.get(Meaning.COMPLETION) not in WITHOUT_THOUGHTS:
        return found
    prompt, completion, total = (
        found.get(Meaning.PROMPT, 0),
        found[Meaning.COMPLETION],
        found.get(Meaning.TOTAL),
    )
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


def _with_iterations(value: Mapping[object, object], found: Found, names: dict[int, str]) -> Found:
    """Sum up the samplings inside one call; beside their list, Anthropic's own counts leave compactions out.

    What other models had (an advisor, or an attempt that was declined) is not in the sum: it has another price, if any.
    """
    listed = value.get("iterations")
    items = (
        [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
    )
    billed = [item for item in items if item.get("type") in BILLED_ITERATIONS]
    models = {model for item in billed if isinstance(model := item.get("model"), str)}
    others = (
        items
        if len(models) > 1
        else [item for item in items if item.get("type") not in BILLED_ITERATIONS]
    )
    other_tokens = sum(tokens for item in others for tokens in _named(item)[0].values())
    if other_tokens:
        found[Meaning.OTHER_MODEL] = other_tokens
    if len(models) > 1:
        return found
    sums: Found = {}
    for item in billed:
        counts, item_names = _named(item)
        for says, tokens in counts.items():
            sums[says] = sums.get(says, 0) + tokens
            names.setdefault(says, item_names[says])
    if Meaning.PROMPT in sums and names.get(Meaning.PROMPT) not in RAW_PROMPT:
        sums[Meaning.PROMPT] += sums.get(Meaning.CACHE_READ, 0) + sums.get(Meaning.CACHE_WRITE, 0)
    sums.pop(Meaning.TOTAL, None)
    if all(tokens <= found.get(says, 0) for says, tokens in sums.items()):
        return found
    if Meaning.PROMPT in found and Meaning.COMPLETION in found:
        found[Meaning.OUTER_PROMPT], found[Meaning.OUTER_COMPLETION] = (
            found[Meaning.PROMPT],
            found[Meaning.COMPLETION],
        )
        found[Meaning.OUTER_CACHED] = found.get(Meaning.CACHE_READ, 0) + found.get(
            Meaning.CACHE_WRITE, 0
        )
    found.pop(Meaning.TOTAL, None)
    found.update({says: max(tokens, found.get(says, 0)) for says, tokens in sums.items()})
    found[Meaning.NUM_CALLS] = len(billed)
    return found


def _of_tokens(value: Mapping[object, object], found: Found, names: Mapping[int, str]) -> Found:
    """Leave out what is not of tokens: an object of another unit, and a sum that has other units in it."""
    unit = value.get("unit")
    if isinstance(unit, str) and unit and not unit.lower().startswith("token"):
        return {}
    if names.get(Meaning.TOTAL) == "total" and any(
        isinstance(key, str) and key.lower().rpartition("_")[2] in OTHER_UNITS and count(item)
        for key, item in value.items()
    ):
        del found[Meaning.TOTAL]
    return found


def _read(value: Mapping[object, object]) -> tuple[Found, dict[int, str]]:
    found, names = _named(value)
    return _with_iterations(value, _of_gemini(_of_tokens(value, found, names), names), names), names


def inclusive(value: Mapping[object, object]) -> Found:
    """Input that includes its cached part: OpenAI, LangChain, CrewAI."""
    return _read(value)[0]


def native(value: Mapping[object, object]) -> Found:
    """A provider's own answer: Anthropic's and Bedrock's input leaves the cached part out."""
    found, names = _read(value)
    raw_cache = {names.get(Meaning.CACHE_READ), names.get(Meaning.CACHE_WRITE)} & RAW_CACHE
    if raw_cache and names.get(Meaning.PROMPT) in RAW_PROMPT:
        found[Meaning.EXCLUSIVE] = 1
    return found


def buckets(value: Mapping[object, object]) -> Found:
    """Langfuse's usage details: parts that do not overlap, unless the total shows that they do."""
    found, names = _named(value)
    found = _of_tokens(value, found, names)
    if names.get(Meaning.PROMPT) != "input" and names.get(Meaning.COMPLETION) != "output":
        return native(value)
    written = found.get(Meaning.CACHE_WRITE_5M, 0) + found.get(Meaning.CACHE_WRITE_1H, 0)
    if written and not found.get(Meaning.CACHE_WRITE):  # 0 beside its parts: LangChain
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
    queries = (
        metadata.get("web_search_queries", metadata.get("webSearchQueries"))
        if isinstance(metadata, Mapping)
        else None
    )
    return queries if isinstance(queries, list) else None


def grounding(value: Mapping[object, object]) -> Found:
    """Gemini's answer with the searches of its grounding; of queries that repeat, Google bills one."""
    candidates = value.get("candidates")
    items = (
        [value, *(item for item in candidates if isinstance(item, Mapping))]
        if isinstance(candidates, list)
        else [value]
    )
    listed = [queries for item in items if (queries := _queries(item)) is not None]
    if not listed:
        return {}
    return {
        Meaning.WEB_SEARCHES: len(
            {query for queries in listed for query in queries if isinstance(query, str) and query}
        )
    }


def provider_metadata(value: Mapping[object, object]) -> Found:
    """The AI SDK's provider metadata: one object per provider, usage in or below it."""
    merged: Found = {}
    for item in value.values():
        if isinstance(item, Mapping):
            usage = next(
                (
                    item[key]
                    for key in ("usage", "usageMetadata")
                    if isinstance(item.get(key), Mapping)
                ),
                None,
            )
            if usage is not None and "iterations" not in usage and "iterations" in item:
                usage = {**usage, "iterations": item["iterations"]}
            found = native(usage) if usage is not None else {}
            for says, number in _named(item)[0].items():
                found.setdefault(says, number)
            for says, number in grounding(item).items():
                found.setdefault(says, number)
            merged = {**found, **merged}
    return merged


def searches(value: Mapping[object, object]) -> Found:
    """OpenAI's answer with the searches of its own tool; opening a page that was found is none."""
    items = value.get("output")
    calls = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    actions = [item.get("action") for item in calls if item.get("type") == "web_search_call"]
    return {
        Meaning.WEB_SEARCHES: sum(
            not isinstance(a, Mapping) or a.get("type", "search") == "search" for a in actions
        )
    }


SHAPES = {
    "inclusive": inclusive,
    "native": native,
    "buckets": buckets,
    "provider_metadata": provider_metadata,
    "searches": searches,
    "grounding": grounding,
    "stated": inclusive,
}
"""How an object is to be understood; ``stated`` leaves the question of the cached part to the figures."""
