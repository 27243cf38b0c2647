"""Read the names of models on real spans.

A name is read as a list of *readings*, best first: pairs of a seller (the provider whose price list
applies, or ``None`` when none is named) and a model name as that seller writes it.  A reading never
guesses: it removes what a tool put around the name (a provider in front, a region, a resource path,
a context marker, quotes) and keeps the name itself.  No date is cut off and no part of a name is
searched for, because a near match is another model's price.

Where a name and the named provider contradict each other:

- a framework or gateway (``langchain``, ``litellm``) sells nothing: the name decides;
- ``openai`` is also the protocol that many providers implement: a provider in front of the name
  decides, if its models cost the same wherever they are sold;
- an Amazon Bedrock id is only ever used on Bedrock;
- anything else stays with the named provider.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otel_session_agg._pricing.providers import SELLERS, canonical_provider, clean

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["readings"]

_MODEL_HUB_ORGS = frozenset({"mistralai", "moonshotai", "zai", "z-ai", "databricks"})
"""Providers whose name is also an organisation on a model hub: the weights may run anywhere."""

_OPEN_WEIGHTS = re.compile(r"gemma|gpt-oss|grok-[12](?:\.|-|$)")
"""Models with open weights: a maker's name in front of them does not name the seller."""

_ONE_PRICE = frozenset(
    {"openai", "anthropic", "google", "x-ai", "azure", "aws", "groq", "perplexity", "openrouter"}
)
"""Sellers that a name's prefix stands for even where the span states ``openai``."""

_RESELLERS = frozenset({"azure", "aws", "google", "github-copilot", "databricks"})
"""Sellers of other makers' models, with a price list of their own."""

_SELLERS_OF_OPEN_WEIGHTS = (_RESELLERS - {"google"}) | {"groq", "openrouter"}
"""Sellers that a name's prefix stands for even where the weights are open."""

_PROTOCOLS = frozenset({"openai", "gcp.vertex.agent"})
"""Provider names that state the protocol of the call rather than the seller."""

_OPAQUE = re.compile(
    r"(?:function|fallback|gateway|test):|(?:function|fallback|gateway|test)$"
    r"|.*\barn:[^:]*:(?!bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/)"
)
"""Names that name no model: stand-ins of test tools, lists of fallbacks, routes, other ARNs."""

_ARN = re.compile(r"arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(.+)")
_GOOGLE_PATH = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/(.+)")
_BEDROCK_ROUTE = re.compile(r"(?:(?:converse|converse_like|invoke|[a-z]{2}(?:-[a-z]+)+-\d)/)+")
_BEDROCK_ID = re.compile(
    r"(?:(?:us|us-gov|eu|apac|ap|au|ca|jp|sa|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai"
    r"|nvidia|openai|qwen|writer|zai)"
    r"\.[a-z][^/]*"
)
_MARKER = re.compile(r"(?:\[[a-z0-9]+\]|:(?:completions|responses))$")
"""What Claude Code appends: ``claude-opus-5[1m]``; a long context is priced by its tokens.
Mirascope appends which of OpenAI's interfaces was asked: ``openai/gpt-4o:responses``."""

_MAKERS = (
    (re.compile(r"text-embedding-(?:3-|ada-)|chatgpt-|codex-|omni-moderation"), "openai"),
    (re.compile(r"embed-(?:v4|english-|multilingual-)"), "cohere"),
)
"""Names of one seller's models that genai-prices does not find without a provider."""

_AMAZONS = ("nova-", "titan-")
"""Prefixes of Amazon's own models; one emitter removes the maker from all ids of Bedrock's."""

_BEDROCK_AT_LIST_PRICE = re.compile(r"anthropic\.claude-v2")
"""Withdrawn from Bedrock's list; sold there at Anthropic's list price, which no longer changes."""


def _unwrapped(name: str) -> tuple[str | None, str] | None:
    """Return seller and model of a name with the seller in front, or ``None``."""
    if arn := _ARN.fullmatch(name):
        return "aws", arn[1]
    if path := _GOOGLE_PATH.fullmatch(name):
        return "google", path[1]
    for separator in "/:":
        head, found, rest = name.partition(separator)
        seller = canonical_provider(head)
        known = (seller is None or seller in SELLERS) and head not in _MODEL_HUB_ORGS
        if known and found and head and rest:
            return seller, _BEDROCK_ROUTE.sub("", rest, count=1) if seller == "aws" else rest
    return None


def _forms(name: str) -> Iterator[str]:
    """Yield the spellings of a model's name: as written, then without what tools add."""
    yield name
    bare = _MARKER.sub("", name)
    plain = re.sub(r"@(?:default|latest)$", "", bare).replace("@", "-")
    for form in (bare, plain, plain.replace(".", "-") if plain.startswith("claude-") else plain):
        if form != name:
            yield form


def _unnamed(name: str) -> Iterator[tuple[str | None, str]]:
    """Yield the readings of a name without a provider."""
    outer = _unwrapped(name)
    if outer is not None:
        seller, rest = outer
        if seller is None:
            yield from _unnamed(rest)
        elif not _OPEN_WEIGHTS.match(rest) or seller in _SELLERS_OF_OPEN_WEIGHTS:
            yield from _of_seller(seller, rest)
        return
    if _BEDROCK_ID.fullmatch(name):
        yield from _of_seller("aws", name)
        return
    for pattern, seller in _MAKERS:
        if pattern.match(name):
            yield from _of_seller(seller, name)
    for form in _forms(name):
        yield None, form


def _of_seller(seller: str, name: str) -> Iterator[tuple[str | None, str]]:
    """Yield the readings of a name whose seller is known."""
    for form in _forms(name):
        yield seller, form
    if seller == "openrouter":
        return
    outer = _unwrapped(name)
    if outer is not None and (outer[0] in {None, seller} or seller in _RESELLERS):
        yield from _of_seller(seller, outer[1])
    if seller == "aws" and name.startswith(_AMAZONS):
        yield seller, f"amazon.{name}"
    if seller == "aws" and _BEDROCK_AT_LIST_PRICE.match(name):
        yield "anthropic", name


def readings(
    provider: str | None, model: str, host: str | None = None
) -> Iterator[tuple[str | None, str]]:
    """Yield what a model's name may mean, best first.

    Each reading is the seller's id, or ``None``, and the model's name in the seller's price list.

    Args:
        provider: The provider as the span names it.
        model: The model as the span names it.
        host: The id of the provider that the server's address belongs to.  It counts where no
            provider is named, or only a protocol.

    """
    name = clean(model)
    if not name or _OPAQUE.match(name):
        return
    seller = canonical_provider(provider) or host
    if seller is None:
        yield from _unnamed(name)
        return
    yield from _of_seller(seller, name)
    if clean(provider or "") in _PROTOCOLS or seller == "openai":
        outer = _unwrapped(name)
        if outer is not None and outer[0] in _ONE_PRICE and outer[0] != seller:
            yield from _unnamed(name)
        if host is not None and host != seller:
            yield from _of_seller(host, name)
    if seller != "aws" and _BEDROCK_ID.fullmatch(name):
        yield from _of_seller("aws", name)
