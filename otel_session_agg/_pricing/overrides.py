"""Check the user's own prices when they are set, and find them by globs.

A key is a glob over ``model`` or ``provider/model``: ``gpt-4o*``, ``azure/*``, ``*``.  ``*`` stands
for any text, ``?`` for one character, all else for itself.  Case does not matter.  A model is
looked up as it was named and as it is read (``us.anthropic.claude-...``, ``models/gemini-...``), a
provider as it was named and by its id (``azure.ai.openai`` is ``azure``, ``bedrock`` is ``aws``).

The most specific key wins: the longest literal part, then the fewest wildcards, then
``provider/model`` before ``model``, then the first one given.  The response model is tried before
the request model; keys of wildcards only (``*``) come last.

The user's price is what the user pays: it applies at every date and for every service tier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypedDict

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._pricing.model_names import readings
from otel_session_agg._pricing.providers import canonical_provider, clean
from otel_session_agg._pricing.rate_card import RateCard
from otel_session_agg._untrusted.values import PUSD_PER_USD

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ModelPrice", "Overrides", "PriceTier", "names_of"]

_Number = float | Decimal | str


class _Rates(TypedDict, total=False):
    input: _Number
    output: _Number
    cache_read: _Number
    cache_write: _Number
    cache_write_1h: _Number
    audio_input: _Number
    audio_output: _Number
    audio_cache_read: _Number
    image_input: _Number
    image_output: _Number
    request: _Number
    web_search: _Number


class PriceTier(_Rates, total=False):
    """Rates of a call whose whole prompt has more than ``above_tokens`` tokens.

    Rates that are not named stay as they are.
    """

    above_tokens: int


class ModelPrice(_Rates, total=False):
    """Prices of a model in USD per million tokens; ``request`` and ``web_search`` in USD for each.

    Parts of the prompt (cache, audio, images) without a price of their own pay the price of their
    whole.  Without a price for tokens that were used, the cost is unknown, not 0.
    """

    tiers: Sequence[PriceTier]


RATE_NAMES = tuple(_Rates.__annotations__)

_MAX_USD = 10**9
_MAX_DECIMALS = 30
_ALLOWED_NUMBER = (
    f"a number from 0 to {_MAX_USD} with at most {_MAX_DECIMALS} decimals "
    "(int, float, Decimal or str)"
)
TOKENS_PER_PRICE = 10**6
EACH = frozenset({"request", "web_search"})
"""Prices for each one, not for a million."""


def names_of(provider: str | None, model: str) -> list[str]:
    """Return all names that an override may have for a model, with and without its provider."""
    names = [clean(model)]
    providers = [clean(provider or ""), canonical_provider(provider)]
    for seller, name in readings(provider, model):
        names.append(name)
        if canonical_provider(provider) is None:
            providers.append(seller)
    return [*dict.fromkeys([*names, *(f"{p}/{name}" for p in providers if p for name in names)])]


class Override(NamedTuple):
    """A price of the user's own, and the glob that it is for."""

    key: str
    patterns: tuple[re.Pattern[str], ...]
    card: RateCard

    @property
    def literals(self) -> int:
        """Return the number of characters that stand for themselves."""
        return len(self.key) - self.wildcards

    @property
    def wildcards(self) -> int:
        """Return the number of wildcards."""
        return self.key.count("*") + self.key.count("?")

    def matches(self, names: Iterable[str]) -> bool:
        """Return whether the glob stands for one of these names."""
        return any(pattern.fullmatch(name) for name in names for pattern in self.patterns)


class Overrides:
    """A user's prices by glob, most specific first.

    Raises:
        SettingsError: A key or a price is malformed; the text names it, its value and what is
        allowed.

    """

    def __init__(self, prices: Mapping[str, ModelPrice | Mapping[str, Any]]) -> None:
        if not isinstance(prices, Mapping):
            _refuse("prices", prices, "a mapping of globs to prices")
        found = [_override(key, value) for key, value in prices.items()]
        found.sort(key=lambda o: (-o.literals, o.wildcards, "/" not in o.key))
        self._specific = tuple(o for o in found if o.literals)
        self._catch_all = tuple(o for o in found if not o.literals)

    @property
    def keys(self) -> tuple[str, ...]:
        """Globs in the order in which they are tried."""
        return tuple(override.key for override in (*self._specific, *self._catch_all))

    def find(self, names_by_model: Sequence[Sequence[str]]) -> Override | None:
        """Return the price of the first model that has one.

        Args:
            names_by_model: For each model, best first, all of its names, in lower case.

        """
        for overrides in (self._specific, self._catch_all):
            for names in names_by_model:
                for override in overrides:
                    if override.matches(names):
                        return override
        return None


def _refuse(where: str, value: object, allowed: str) -> NoReturn:
    text = f"{where}: {value!r:.200} is not allowed; allowed is {allowed}"
    raise SettingsError(text)


def _override(key: object, value: object) -> Override:
    if not isinstance(key, str) or not key.strip():
        allowed = 'a glob over "model" or "provider/model", like "gpt-4o*" or "azure/*"'
        _refuse("prices key", key, allowed)
    glob = key.strip().lower()
    patterns = tuple(_pattern(spelling) for spelling in _spellings(glob))
    return Override(glob, patterns, _card(f"prices[{key!r}]", value))


def _spellings(glob: str) -> tuple[str, ...]:
    provider, slash, model = glob.partition("/")
    is_literal = "*" not in provider and "?" not in provider
    canonical = canonical_provider(provider) if slash and is_literal else None
    if canonical is None or canonical == provider:
        return (glob,)
    return glob, f"{canonical}/{model}"


def _pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as a regular expression that is linear in the name.

    The text between two stars is matched where it comes first, without backtracking.
    """
    first, *rest = (
        "".join("." if char == "?" else re.escape(char) for char in part)
        for part in re.split(r"\*+", glob)
    )
    parts = enumerate(rest[:-1])
    between = "".join(f"(?=(?P<at{number}>.*?{part}))(?P=at{number})" for number, part in parts)
    return re.compile(first + between + (f".*{rest[-1]}" if rest else ""), re.DOTALL)


def _card(where: str, value: object) -> RateCard:
    if not isinstance(value, Mapping):
        _refuse(where, value, f"a mapping of prices: {', '.join(RATE_NAMES)}, tiers")
    given = dict(value)
    tiers = given.pop("tiers", ())
    base = _rates(where, given)
    if not isinstance(tiers, Sequence) or isinstance(tiers, (str, bytes)):
        _refuse(f"{where}['tiers']", tiers, "a list of mappings with above_tokens and prices")
    tables: dict[int, dict[str, Fraction]] = {}
    for number, tier in enumerate(tiers):
        above, rates = _tier(f"{where}['tiers'][{number}]", tier)
        if above in tables:
            place = f"{where}['tiers'][{number}]['above_tokens']"
            _refuse(place, above, "a bound that no other tier has")
        tables[above] = base | rates
    if not base and not tables:
        _refuse(where, value, f"at least one price of {', '.join(RATE_NAMES)}")
    return RateCard(base, list(tables.items()), complete=False)


def _tier(where: str, value: object) -> tuple[int, dict[str, Fraction]]:
    if not isinstance(value, Mapping):
        _refuse(where, value, f"a mapping of above_tokens and prices: {', '.join(RATE_NAMES)}")
    given = dict(value)
    above = given.pop("above_tokens", None)
    if isinstance(above, bool) or not isinstance(above, int) or above < 0:
        _refuse(f"{where}['above_tokens']", above, "a whole number of tokens, 0 or more")
    if not given:
        _refuse(where, value, f"at least one price of {', '.join(RATE_NAMES)}")
    return above, _rates(where, given)


def _rates(where: str, given: Mapping[Any, object]) -> dict[str, Fraction]:
    for name in given:
        if name not in RATE_NAMES:
            _refuse(f"{where}, price name", name, f"one of {', '.join(RATE_NAMES)}")
    return {
        name: _pusd(f"{where}[{name!r}]", value) / (1 if name in EACH else TOKENS_PER_PRICE)
        for name, value in given.items()
    }


def _pusd(where: str, value: object) -> Fraction:
    number = None
    if isinstance(value, (int, float, Decimal, str)) and not isinstance(value, bool):
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            number = None
    if number is None or not number.is_finite() or not 0 <= number <= _MAX_USD:
        _refuse(where, value, _ALLOWED_NUMBER)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_DECIMALS:
        _refuse(where, value, _ALLOWED_NUMBER)
    return Fraction(number) * PUSD_PER_USD
