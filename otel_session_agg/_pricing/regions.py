"""Find the region in which a model ran, and its price relative to the global endpoint's.

Some sellers charge more when a call is bound to a region, and genai-prices has one price for each
model, that of the global endpoint (Amazon Bedrock is different: there the region is part of the
model's id, and the table has both prices).  The region stands in the host or path that was called,
in the path in front of a model's name, or in a term that the provider states.  A region whose price
is not known makes the cost unknown: it may be higher.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from fractions import Fraction
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["UPLIFT_EDGES", "find_region", "host_of", "seller_of_host", "shortened", "uplift"]

_GLOBAL = frozenset({"", "global", "not_available", "default", "none", "null"})
"""Values that name no region; ``not_available`` is Anthropic's for older models."""

_HOSTS = (
    ("google", re.compile(r"([a-z]+-[a-z]+\d+)-aiplatform(?:\.mtls)?\.googleapis\.com")),
    ("google", re.compile(r"aiplatform\.([a-z0-9-]+)\.rep\.googleapis\.com")),
    ("openai", re.compile(r"([a-z]{2})\.api\.openai\.com")),
    ("x-ai", re.compile(r"([a-z0-9-]+)\.api\.x\.ai")),
    ("mistral", re.compile(r"api\.([a-z]{2})\.mistral\.ai")),
    ("together", re.compile(r"([a-z]{2})-api\.together\.(?:ai|xyz)")),
)
"""Hosts of regions, by the seller's id in genai-prices."""

_PATH = re.compile(r"(?:^|/)locations/([a-z0-9-]+)/")
"""Vertex AI's paths, in an address or in front of a model's name."""

_TENTH = Fraction(11, 10)
_VERTEX_GEMINI_SINCE = datetime(2026, 7, 1, tzinfo=timezone.utc)
UPLIFT_EDGES = (_VERTEX_GEMINI_SINCE,)
"""When the price of a region changed."""


class _Rule(NamedTuple):
    seller: str
    models: re.Pattern[str]
    """Matches the beginning of the model's id in the price table."""
    factor: Fraction | None
    """Multiplies the price of the global endpoint; ``None``: unknown."""
    source: str
    regions: frozenset[str] = frozenset()
    """Regions that the rule is for; empty: all."""
    since: datetime | None = None


_ANY = re.compile("")
_VERTEX = "https://cloud.google.com/vertex-ai/generative-ai/pricing"
_CLAUDE_GEO = "https://platform.claude.com/docs/en/manage-claude/data-residency"
_OPENAI_RESIDENCY = "https://developers.openai.com/api/docs/guides/data-residency"
_BEFORE_VERTEX_PREMIUM = re.compile(
    r"claude-(?:2|3|4-opus|4-sonnet|instant|opus-4-[01]$|sonnet-4-0)"
)
_BEFORE_CLAUDE_GEO = re.compile(r"claude-(?:[123]|instant|v1|(?:opus|sonnet|haiku)-4-[0-5]$)")
_BEFORE_OPENAI_UPLIFT = re.compile(
    r"gpt-[34]|o[134]|gpt-5(?:$|[^.\d])|gpt-5\.[0-3]|text-|chatgpt-4o|codex|computer-use|davinci"
    r"|babbage|curie|ada|ft:gpt-[34]|gpt-image-1|gpt-audio|gpt-realtime(?:$|-mini$)|whisper|tts"
)
_RULES = (
    _Rule(
        "google",
        _BEFORE_VERTEX_PREMIUM,
        Fraction(1),
        f"{_VERTEX}#claude-models: the premium began with Claude 4.5",
    ),
    _Rule("google", re.compile("claude-"), _TENTH, f"{_VERTEX}#claude-models"),
    _Rule(
        "google",
        _ANY,
        None,
        f"{_VERTEX}: some cost more since July 2026",
        since=_VERTEX_GEMINI_SINCE,
    ),
    _Rule("google", _ANY, Fraction(1), f"{_VERTEX}: one price for all locations before"),
    _Rule(
        "openai",
        _BEFORE_OPENAI_UPLIFT,
        Fraction(1),
        f"{_OPENAI_RESIDENCY}: only models released since 5 March 2026",
    ),
    _Rule("openai", _ANY, _TENTH, _OPENAI_RESIDENCY),
    _Rule("anthropic", _BEFORE_CLAUDE_GEO, None, f"{_CLAUDE_GEO}: these models refuse it"),
    _Rule("anthropic", _ANY, _TENTH, _CLAUDE_GEO, regions=frozenset({"us"})),
    _Rule(
        "x-ai",
        _ANY,
        _TENTH,
        "https://docs.x.ai/developers/advanced-api-usage/regions",
        regions=frozenset({"us"}),
    ),
    _Rule("mistral", _ANY, _TENTH, "https://docs.mistral.ai/inference/regional-inference"),
    _Rule(
        "together",
        _ANY,
        Fraction(5, 4),
        "https://docs.together.ai/docs/serverless/geo-specific-inference",
        regions=frozenset({"us", "ca"}),
    ),
)
"""Prices of regions relative to the global endpoint.  The first row that fits decides; without one,
the price is unknown."""

_IN_THE_NAME = "aws"
"""The seller whose regions are part of its models' ids."""


_SHORT = re.compile(r"(?:[A-Za-z]+://)?[^/?#]*(?:/client/v4/accounts/[^/?#]*/ai|/[^/?#]*)?")


def shortened(address: str) -> str:
    """Return the part of a URL that a price depends on.

    URLs of calls contain ids, and prices are kept by address.
    """
    match, location = _SHORT.match(address), _PATH.search(address.lower())
    return (match[0] if match else "") + (f"/locations/{location[1]}/" if location else "")


def host_of(address: str) -> str | None:
    """Return the host of an address in lower case, or ``None``.

    An address is a host, with or without a port, or a URL.
    """
    try:
        return urlsplit(address if "://" in address else f"https://{address}").hostname
    except ValueError:
        return None


def seller_of_host(host: str) -> str | None:
    """Return the seller that a host of a region belongs to, or ``None``."""
    return next((seller for seller, pattern in _HOSTS if pattern.fullmatch(host)), None)


def find_region(seller: str, model: str, address: str | None, stated: str | None) -> str | None:
    """Return the region that a call was bound to, or ``None`` if none is known.

    Args:
        seller: The id of the provider that is paid.
        model: The model as the span names it.
        address: The host or URL that was called.
        stated: The region that the span states, as the provider names it.

    """
    candidates = [stated.strip().lower()] if stated and seller != _IN_THE_NAME else []
    if address:
        host = host_of(address) or ""
        patterns = [pattern for name, pattern in _HOSTS if name == seller]
        candidates += [match[1] for pattern in patterns if (match := pattern.fullmatch(host))]
    if seller == "google":
        texts = (model.lower(), (address or "").lower())
        candidates += [match[1] for text in texts if (match := _PATH.search(text))]
    return next((region for region in candidates if region not in _GLOBAL), None)


def uplift(seller: str, row: str, region: str, moment: datetime) -> Fraction | None:
    """Return the factor of the global price, or ``None`` if it is unknown.

    Args:
        seller: The id of the provider that is paid.
        row: The id of the model in the price table.
        region: The region, from ``find_region``.
        moment: When the call was made.

    """
    for rule in _RULES:
        is_for_region = not rule.regions or region in rule.regions
        is_valid = rule.since is None or moment >= rule.since
        if rule.seller == seller and rule.models.match(row) and is_for_region and is_valid:
            return rule.factor
    return None
