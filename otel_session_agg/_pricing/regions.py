"""Find the region in which a model ran, and its price relative to the global endpoint's.

Some sellers charge more when a call is bound to a region, and genai-prices has one price for each
model, that of the global endpoint, or of the USA for models on Amazon Bedrock (those of Anthropic
are different: the table has the prices of all their regions but GovCloud).  The region stands in
the host or path that was called, in the name of the model or the path in front of it, or in a term
that the provider states.  A region whose price is not known makes the cost unknown: it may be
higher.
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
    ("aws", re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")),
    ("aws", re.compile(r"bedrock-mantle\.([a-z0-9-]+)\.api\.aws")),
)
"""Hosts of regions, by the seller's id in genai-prices."""

_PATH = re.compile(r"(?:^|/)locations/([a-z0-9-]+)/")
"""Vertex AI's paths, in an address or in front of a model's name."""

_NAMES = (
    ("aws", re.compile(r"(?:^|[/:])(us-gov|us|eu|apac|ap|au|ca|jp|sa|in)\.[a-z]")),
    ("aws", re.compile(r"(?:^|/|bedrock:)([a-z]{2}(?:-[a-z]+)+-\d)[/:]")),
    ("azure", re.compile(r"(?:^|/)(us|eu|apac|us-gov)/")),
    ("google", _PATH),
)
"""Names of models: Bedrock's profiles and ARNs, LiteLLM's routes, and Vertex AI's paths."""

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
_AMERICAN = frozenset({"us", "us-east-1", "us-east-2", "us-west-2"})
_GOVCLOUD = frozenset({"us-gov", "us-gov-east-1", "us-gov-west-1"})
_BEDROCK = "https://aws.amazon.com/bedrock/pricing/"
_GOVCLOUD_LIST = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrock/current/us-gov-west-1/"
)
_FIFTH_IN_GOVCLOUD = re.compile(
    r"regional\.anthropic\.claude-3-|amazon\.nova-(?:pro|lite|micro)|nvidia\.|openai\.gpt-oss-"
)
_RULES = (
    # a fifth more than the global price; the table's regional one is a tenth more
    _Rule(
        "aws",
        re.compile(r"regional\.anthropic\.claude-(?:(?:opus|sonnet|haiku)-(?:4-[5-9]|5)|fable-)"),
        Fraction(12, 11),
        _GOVCLOUD_LIST,
        regions=_GOVCLOUD,
    ),
    _Rule("aws", _FIFTH_IN_GOVCLOUD, Fraction(6, 5), _GOVCLOUD_LIST, regions=_GOVCLOUD),
    _Rule("aws", _ANY, None, _GOVCLOUD_LIST, regions=_GOVCLOUD),
    _Rule(
        "aws",
        re.compile(r"global\.|regional\.(?!amazon\.)"),
        Fraction(1),
        f"{_BEDROCK}: the table has a price for each kind of profile",
    ),
    _Rule("aws", _ANY, Fraction(1), _BEDROCK, regions=_AMERICAN),
    _Rule("aws", _ANY, None, f"{_BEDROCK}: Amazon's and open models cost more in some regions"),
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

_STATES_NONE = "aws"
"""The seller that bills no region that a term of the call states."""


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
    candidates = [stated.strip().lower()] if stated and seller != _STATES_NONE else []
    hosts = [pattern for name, pattern in _HOSTS if name == seller]
    names = [pattern for name, pattern in _NAMES if name == seller]
    host, name = (host_of(address) or "") if address else "", model.strip().lower()
    found = [pattern.fullmatch(host) for pattern in hosts]
    found += [pattern.search(name) for pattern in names]
    if _PATH in names:
        found.append(_PATH.search((address or "").lower()))
    candidates += [match[1] for match in found if match]
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
