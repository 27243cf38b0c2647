"""Rows of the convention tables that tell what a call costs beside its tokens: its terms, and what was billed."""

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

IDLE = frozenset(
    {
        "",
        "auto",
        "default",
        "global",
        "normal",
        "not_available",
        "on_demand",
        "standard",
        "standard_only",
    }
)
"""Values that name nothing but the standard terms."""

ANSWERED_TIER = "service_tier"
"""The term that is the service tier of the answer; all others but the next are fields of ``Terms``."""

REQUESTED = {"speed": "requested_speed", "region": "requested_region"}
"""Terms of a request that hold only where the answer does not name its own."""


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
    """Return the names of terms of an object that stands at one of these places; an empty one is the outermost."""
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
    """Other values say nothing; empty: all are taken."""


@dataclass(frozen=True, slots=True)
class TermText:
    """An attribute that holds terms in JSON or Python ``repr``."""

    key: str
    terms: Mapping[str, tuple[str, ...]]
    """By term, the dotted names under which it may stand; ``*`` is any one name, and of lists each item."""
    tiers_at: tuple[str, ...] = ()
    """Where an object stands whose names tell the tier by being there (LangChain's counts of tokens by tier)."""
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
    """The text is looked at only when one of these stands in it."""


@dataclass(frozen=True, slots=True)
class FeeKey:
    """An attribute whose value is a cost in USD that comes on top of any other."""

    key: str
    unless: str
    """Key of a flag that has to be there and false: whether another cost on the trace has it already."""


@dataclass(frozen=True, slots=True)
class BilledText:
    """An attribute of a model call in which a provider or gateway tells what it billed."""

    key: str
    path: tuple[str, ...] = ()
    """Where the usage object stands."""
    by_provider: bool = False
    """The object has one object for each provider that took part: the AI SDK's provider metadata."""
    scopes: tuple[str, ...] = field(default=())
    """Read only on spans of these scopes (prefixes); empty: of any."""
