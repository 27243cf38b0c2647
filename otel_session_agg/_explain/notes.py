"""Gather what many spans have in common: the keys that they were read by, and their prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from string import ascii_lowercase
from typing import NamedTuple

from otel_session_agg._explain.keys import Stated
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.verdicts import COMPUTED, RECORDED, UNKNOWN, Verdict
from otel_session_agg._pricing.origins import OWN, TABLE, table_version
from otel_session_agg._pricing.overrides import EACH
from otel_session_agg._pricing.price_parts import WHOLE, PriceOfCall, PricePart
from otel_session_agg._pricing.rate_card import Window
from otel_session_agg._untrusted.formatting import exact_usd, short
from otel_session_agg._untrusted.values import PUSD_PER_USD, plain

__all__ = [
    "PriceNote",
    "ReadNote",
    "price_notes",
    "price_title",
    "rate_text",
    "read_notes",
    "usd_text",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MAX_VALUE, _MAX_KEY = 40, 80
_MILLION = 10**6

_PARTS = (
    "input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "audio_input",
    "audio_cache_read", "image_input", "output", "reasoning", "audio_output", "image_output",
)  # fmt: skip
_PLACES = {name: place for place, name in enumerate(_PARTS)}
"""The order in which parts of a price are shown."""

_FIELDS: Mapping[str, str] = {
    "tool_name": "tool name",
    "agent_name": "agent name",
    "prompt_tokens": "input",
    "completion_tokens": "output",
    "total_tokens": "total",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "written",
    "cache_write_1h_tokens": "written for 1 h",
    "reasoning_tokens": "reasoning",
    "audio_prompt_tokens": "audio input",
    "audio_completion_tokens": "audio output",
    "audio_cache_read_tokens": "cached audio",
    "image_prompt_tokens": "image input",
    "image_completion_tokens": "image output",
    "web_searches": "web searches",
    "other_model_tokens": "tokens of other models",
    "recorded_pusd": "cost",
    "response_model": "response model",
    "request_model": "request model",
    "provider": "provider",
    "response_id": "response id",
    "service_tier": "service tier",
    "session_id": "session",
    "user_id": "user",
    "first_token_ns": "first token",
    "error": "error",
    "ignored": "ignored",
}
"""What is stated, in words and in the order in which it is shown."""


class ReadNote(NamedTuple):
    """What some spans were read by."""

    letter: str
    pieces: tuple[str, ...]


def read_notes(rows: Iterable[SpanExplanation]) -> dict[int, ReadNote]:
    """Return by number of a span which keys state what it states; alike spans share a note."""
    notes: dict[tuple[str, ...], ReadNote] = {}
    found: dict[int, ReadNote] = {}
    for row in rows:
        pieces = _pieces(row)
        if pieces:
            letter = _letters(len(notes))
            found[row.number] = notes.setdefault(pieces, ReadNote(letter, pieces))
    return found


def _letters(number: int) -> str:
    """Return a, b ... z, aa, ab ..."""
    letters = ""
    number += 1
    while number:
        number, place = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[place] + letters
    return letters


def _pieces(row: SpanExplanation) -> tuple[str, ...]:
    stated = row.stated
    if not stated:
        return ()
    pieces: list[str] = []
    kind = stated.get("kind")
    if kind is not None:
        value = row.span.attributes.get(kind.keys[0]) if len(kind.keys) == 1 else None
        by = f" = {short(plain(value), _MAX_VALUE)}" if isinstance(value, str) else ""
        pieces.append(f"{row.kind} by {_keys(kind)}{by}{_also(kind)}")
    by_keys: dict[str, list[str]] = {}
    for name, words in _FIELDS.items():
        one = stated.get(name)
        if one is not None and not (name == "total_tokens" and _is_sum(stated)):
            by_keys.setdefault(_keys(one) + _also(one), []).append(words)
    pieces += [f"{', '.join(words)}: {keys}" for keys, words in by_keys.items()]
    return tuple(pieces)


def _is_sum(stated: Mapping[str, Stated]) -> bool:
    """Return whether the total is stated by the keys of its parts."""
    parts = (stated.get("prompt_tokens"), stated.get("completion_tokens"))
    keys = {key for part in parts if part is not None for key in part.keys}
    return keys.issuperset(stated["total_tokens"].keys)


def _keys(stated: Stated) -> str:
    return " + ".join(_key(key) for key in stated.keys) or "what else it states"


def _key(key: str) -> str:
    return short(key, _MAX_KEY)


def _also(stated: Stated) -> str:
    return f" (also {_key(stated.also[0])})" if stated.also else ""


class PriceNote(NamedTuple):
    """Calls that are priced alike, or for one reason not at all."""

    number: int
    title: str
    num_calls: int
    parts: tuple[PricePart, ...]
    """The parts of all of them, with what is alike added up."""
    cost_pusd: int | None
    """The sum of their costs; ``None``: unknown."""


def price_notes(
    rows: Sequence[SpanExplanation], version: str
) -> tuple[list[PriceNote], dict[int, int]]:
    """Return how the calls that count are priced, and the note of each by the span's number.

    ``version``: of genai-prices.
    """
    groups: dict[tuple[object, ...], dict[int, Verdict]] = {}
    for row in rows:
        verdict = row.verdict
        if verdict is not None and verdict.cost_source in {COMPUTED, RECORDED, UNKNOWN}:
            groups.setdefault(_group(verdict), {})[row.number] = verdict
    notes: list[PriceNote] = []
    numbers: dict[int, int] = {}
    for number, alike in enumerate(groups.values(), 1):
        notes.append(_note(number, list(alike.values()), version))
        numbers.update(dict.fromkeys(alike, number))
    return notes, numbers


def _group(verdict: Verdict) -> tuple[object, ...]:
    """Return what calls have in common that are priced alike."""
    price = verdict.price
    shared = () if price is None else price._replace(cost_pusd=None, parts=())
    return (verdict.cost_source, *shared)


def _note(number: int, alike: Sequence[Verdict], version: str) -> PriceNote:
    totals: dict[tuple[str, Fraction], int] = {}
    wholes = Fraction(0)
    for verdict in alike:
        for part in verdict.price.parts if verdict.price is not None else ():
            if part.name == WHOLE:
                wholes += part.rate_pusd
            else:
                key = (part.name, part.rate_pusd)
                totals[key] = totals.get(key, 0) + part.number
    rows = sorted(totals.items(), key=lambda item: _PLACES.get(item[0][0], len(_PLACES)))
    parts = tuple(PricePart(name, number, rate) for (name, rate), number in rows)
    if wholes:
        parts = (*parts, PricePart(WHOLE, 1, wholes))
    costs = [verdict.cost_pusd for verdict in alike if verdict.cost_pusd is not None]
    cost = sum(costs) if len(costs) == len(alike) else None
    return PriceNote(number, _title(alike[0], version), len(alike), parts, cost)


def price_title(verdict: Verdict) -> str:
    """Return the entry by which a call is priced, or why its cost is unknown."""
    return _title(verdict, table_version())


def _title(verdict: Verdict, version: str) -> str:
    price = verdict.price
    if verdict.cost_source == RECORDED:
        return "recorded on the span, taken as stated"
    if price is None:
        return "unknown: it was billed, and no span states its tokens"
    if price.cost_pusd is not None:
        return _entry(price, version)
    if price.reason:
        return f"unknown: {short(price.origin.text)}: {price.reason}"
    name = f"{short(verdict.models[0], _MAX_VALUE)}: " if verdict.models else ""
    return f"unknown: {name}{price.origin.text}"


def _entry(price: PriceOfCall, version: str) -> str:
    origin = price.origin
    entry = short(origin.text)
    table = f"{TABLE} {version}".rstrip()
    by = f"own price {entry}" if origin.table == OWN else f"{entry} ({table})"
    above = f", above {price.above_tokens:,} tokens" if price.above_tokens is not None else ""
    return f"{by}{above}{_valid(price.window)}"


def _valid(window: Window) -> str:
    edges = [
        f"{word} {moment:%Y-%m-%d %H:%M}"
        for word, moment in zip(("since", "until"), window.moments(), strict=True)
        if moment is not None
    ]
    return f", {' '.join(edges)} UTC".replace(" 00:00", "") if edges else ""


def usd_text(pusd: int | Fraction, decimals: int) -> str:
    """Return picodollars as USD with so many decimals."""
    whole = round(Fraction(pusd) * 10**decimals / PUSD_PER_USD)
    sign, whole = ("-", -whole) if whole < 0 else ("", whole)
    text = f"{whole:0{decimals + 1}d}"
    return f"{sign}{text[:-decimals]}.{text[-decimals:]}" if decimals else f"{sign}{text}"


def rate_text(part: PricePart) -> str:
    """Return the price of a part: USD for a million tokens, or for each."""
    times = 1 if part.name in EACH else _MILLION
    usd = Fraction(part.rate_pusd) * times / PUSD_PER_USD
    return exact_usd(float(usd))
