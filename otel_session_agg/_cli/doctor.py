"""The command ``doctor``: look at versions, settings, store, prices and instrumentations here.

Nothing is changed: no store is created, no span is exported.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from functools import partial
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from otel_session_agg._cli.doctor_sdk import sdk_sections
from otel_session_agg._cli.doctor_text import Attempt, Fact, Section
from otel_session_agg._settings import Settings, given_variables, unknown_variables
from otel_session_agg._spans.scope import DISTRIBUTION
from otel_session_agg._trace import engine
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores import MemoryStore, SqliteStore, open_store
from otel_session_agg.stores.base import SessionStore

_PRICES = "genai-prices"
_LIBRARIES = ("opentelemetry-api", "opentelemetry-sdk")
_EMITTERS = (
    "opentelemetry-instrumentation-", "openinference-instrumentation", "traceloop", "openlit",
    "logfire", "langfuse", "mlflow", "langsmith", "langwatch", "honeyhive", "lmnr", "agentops",
    "phoenix-otel", "opentelemetry-haystack", "laminar",
)  # fmt: skip
"""Parts of the names of distributions that write spans."""
_NO_SESSION = "s:"
"""The key of a session with an empty id, which does not exist."""
_OLDEST_PRICES_DAYS = 180
"""Age of a price table that is reported: models appear each month, so half a year misses many."""


def diagnose(store_url: str | None, attempt: Attempt, *, today: date) -> list[Section]:
    """Return the findings about everything.

    Args:
        store_url: A store to look at in place of the one that the environment names.
        attempt: Calls foreign code.
        today: The date by which prices are judged.

    """
    settings = _settings(store_url)
    found = {fact.name: fact.value for fact in settings.facts}
    return [
        _library(),
        settings,
        _store(store_url or Settings(**_given("store")).store, attempt),
        _prices(attempt, updates=found["prices_update"], today=today),
        _instrumentations(),
        *sdk_sections(found["exporter"], attempt),
    ]


def _given(*names: str) -> dict[str, Any]:
    return {
        one.name: one.value
        for one in given_variables(os.environ)
        if one.value is not None and one.name in names
    }


def _library() -> Section:
    is_compiled = not str(engine.__file__).endswith(".py")
    facts = [
        Fact("version", version(DISTRIBUTION)),
        Fact("compiled", is_compiled),
        Fact("Python", platform.python_version()),
    ]
    return Section(DISTRIBUTION, [*facts, *(Fact(name, version(name)) for name in _LIBRARIES)])


# -- settings -------------------------------------------------------------------------------------


def _settings(store_url: str | None) -> Section:
    given = {one.name: one for one in given_variables(os.environ)}
    facts = []
    for field in fields(Settings):
        one = given.get(field.name)
        value, source = (
            (field.default, "default")
            if one is None or one.value is None
            else (one.value, one.variable)
        )
        if field.name == "store":
            value, source = (store_url, "argument") if store_url is not None else (value, source)
            value = masked(str(value))
        facts.append(Fact(field.name, list(value) if isinstance(value, tuple) else value, source))
    wrong = [
        f"{one.variable}={masked(one.raw)!r:.200} is not allowed, so the default is used:"
        f" use {one.allowed}."
        for one in given.values()
        if one.value is None
    ]
    unknown = [
        f"{name:.200} is no variable of this library{f': did you mean {close}?' if close else '.'}"
        for name, close in unknown_variables(os.environ).items()
    ]
    return Section("settings", facts, [*wrong, *unknown])


# -- the store ------------------------------------------------------------------------------------


def _store(url: str, attempt: Attempt) -> Section:
    shown = masked(url)
    store, error = attempt(partial(open_store, url))
    if store is None:
        return Section(
            "store",
            [Fact("url", shown), Fact("reachable", value=False)],
            [f"The store cannot be used: {error.rstrip('.')}."],
        )
    if isinstance(store, MemoryStore):
        note = (
            "Sessions stay in their process: several workers each have totals of their own;"
            " name a store that they share."
        )
        return Section("store", [Fact("url", shown), Fact("reachable", value=True)], (), [note])
    if isinstance(store, SqliteStore) and not store.path.exists():
        return _store_to_come(shown, store.path)
    error = attempt(partial(_read, store))[1]
    problems = (
        [f"The store {shown} cannot be reached: {masked(error).rstrip('.')}."] if error else []
    )
    return Section("store", [Fact("url", shown), Fact("reachable", not error)], problems)


def _read(store: SessionStore) -> bool:
    try:
        store.get([_NO_SESSION])
    finally:
        store.close()
    return True


def _store_to_come(shown: str, path: Path) -> Section:
    is_possible = os.access(path.parent, os.W_OK | os.X_OK)
    problems = (
        []
        if is_possible
        else [
            f"The store {shown} cannot be made: {path.parent} is no folder that can be written to."
        ]
    )
    notes = (
        [f"{path} does not exist yet; the first process that uses it makes it."]
        if is_possible
        else []
    )
    return Section("store", [Fact("url", shown), Fact("reachable", is_possible)], problems, notes)


# -- prices ---------------------------------------------------------------------------------------


def _prices(attempt: Attempt, *, updates: bool, today: date) -> Section:
    facts = [
        Fact("table", f"{_PRICES} {version(_PRICES)}"),
        Fact("refreshed from the network", updates),
    ]
    found, error = attempt(_table)
    if found is None:
        return Section(
            "prices", facts, [f"The price table cannot be read, so every cost is unknown: {error}."]
        )
    number, days = found
    newest = max((day for day in days if day <= today), default=None)
    facts += [
        Fact("models", number),
        Fact("newest price", newest.isoformat() if newest is not None else None),
    ]
    is_old = newest is not None and (today - newest).days > _OLDEST_PRICES_DAYS
    notes = (
        [
            (
                f"The price table is old: no price in it is newer than {newest};"
                f" pip install -U {_PRICES}."
            )
        ]
        if is_old
        else []
    )
    return Section("prices", facts, (), notes)


def _table() -> tuple[int, list[date]]:
    """Return how many models the price table has, and the dates from which its prices hold."""
    # imported here: it takes 0.4 s
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    models = [model for provider in get_snapshot().providers for model in provider.models]
    prices = (
        price
        for model in models
        for price in (model.prices if isinstance(model.prices, list) else ())
    )
    starts = (getattr(price.constraint, "start_date", None) for price in prices)
    return len(models), [start for start in starts if isinstance(start, date)]


# -- instrumentations -----------------------------------------------------------------------------


def _instrumentations() -> Section:
    found = dict(sorted(_emitters()))
    notes = (
        []
        if found
        else [
            (
                "No instrumentation was found:"
                " spans have to come from libraries that trace themselves, or from code."
            )
        ]
    )
    return Section(
        "instrumentations", [Fact(name, number) for name, number in found.items()], (), notes
    )


def _emitters() -> Iterator[tuple[str, str]]:
    for one in distributions():
        name = str(one.metadata["Name"] or "").lower().replace("_", "-")
        if any(part in name for part in _EMITTERS):
            yield name, str(one.version)
