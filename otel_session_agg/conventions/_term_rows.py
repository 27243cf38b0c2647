"""Rows of the convention tables about the price of a call: its terms, fees and billed amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "ANSWERED_TIER",
    "IDLE",
    "REQUESTED",
    "REQUEST_TERMS",
    "USAGE_TERMS",
    "BilledText",
    "FeeKey",
    "TermKey",
    "TermText",
    "below",
]

IDLE = frozenset({
    "", "auto", "default", "global", "normal", "not_available", "on_demand", "standard",
    "standard_only",
})  # fmt: skip
"""Values that name the standard terms."""

ANSWERED_TIER = "service_tier"
"""The term for the answer's service tier; all but ``REQUESTED`` are fields of ``Terms``."""

REQUESTED = {"speed": "requested_speed", "region": "requested_region"}
"""Terms of a request that apply only where the answer does not name its own."""

USAGE_TERMS: Mapping[str, tuple[str, ...]] = {
    ANSWERED_TIER: ("service_tier", "serviceTier", "traffic_type", "trafficType"),
    "speed": ("speed",),
    "region": ("inference_geo", "inferenceGeo"),
    "search_context": ("search_context_size", "searchContextSize"),
}
"""Names of terms in providers' usage objects."""

REQUEST_TERMS: Mapping[str, tuple[str, ...]] = {
    "requested_tier": (
        "service_tier",
        "serviceTier",
        "extra_body.service_tier",
        "model_kwargs.service_tier",
    ),
    "requested_speed": ("speed", "extra_body.speed", "model_kwargs.speed"),
    "requested_region": ("inference_geo", "extra_body.inference_geo", "model_kwargs.inference_geo"),
    "search_context": (
        "web_search_options.search_context_size",
        "extra_body.web_search_options.search_context_size",
    ),
}
"""Names of terms in the parameters of requests."""


def below(
    *prefixes: str, terms: Mapping[str, tuple[str, ...]] = USAGE_TERMS
) -> Mapping[str, tuple[str, ...]]:
    """Return the dotted names of terms in an object at one of these paths; ``""``: no path."""
    dotted = [f"{prefix}." if prefix else "" for prefix in prefixes]
    return {
        term: tuple(f"{place}{name}" for place in dotted for name in names)
        for term, names in terms.items()
    }


@dataclass(frozen=True, slots=True)
class TermKey:
    """An attribute whose value is a term."""

    key: str
    term: str
    only: frozenset[str] = frozenset()
    """Values that are read; empty: all."""


@dataclass(frozen=True, slots=True)
class TermText:
    """An attribute that holds terms in JSON or Python ``repr``."""

    key: str
    terms: Mapping[str, tuple[str, ...]]
    """Dotted names under which each term may stand; ``*`` is any name, or each item of a list."""
    tiers_at: tuple[str, ...] = ()
    """Paths of objects in which a name shows the tier (LangChain's counts of tokens by tier)."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
    hints: tuple[str, ...] = (
        "ervice_tier",
        "erviceTier",
        "raffic",
        '"speed',
        "'speed",
        "nference_geo",
        "nferenceGeo",
        "search_context",
    )
    """The text is parsed only when it contains one of these."""


@dataclass(frozen=True, slots=True)
class FeeKey:
    """An attribute whose value is a cost in USD that comes on top of any other."""

    key: str
    unless: str
    """Key of a flag that must be there and false: whether another cost of the trace includes it."""


@dataclass(frozen=True, slots=True)
class BilledText:
    """An attribute of a model call in which a provider or gateway states what it billed."""

    key: str
    path: tuple[str, ...] = ()
    """Path of the usage object."""
    by_provider: bool = False
    """The object has one object for each provider of the call, as the AI SDK's metadata has."""
    in_ticks: bool = False
    """The value is the amount itself, in xAI's ticks."""
    scopes: tuple[str, ...] = field(default=())
    """Read only on spans of these scopes (prefixes); empty: of any."""
