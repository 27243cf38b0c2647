"""Which views there are: each is one module of this room, with the value ``VIEW``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from otel_session_agg._page.services import Services
from otel_session_agg._views.address import State
from otel_session_agg._views.reads import Reads

__all__ = ["Csv", "Grouped", "View", "grouped", "navigation", "views"]

_MODULES = (
    "overview", "sessions", "session", "charts", "compare", "segments", "users", "models", "tools",
    "agents", "alerts", "live",
)  # fmt: skip
"""The modules, in the order of the navigation; one that is not there is left out."""


class Csv(NamedTuple):
    """A table to export: values as they are, the escaping is the page's."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    total: int | None = None
    """How many rows there are in all; ``None``: these are all."""


def _nothing(_app: Any, _services: Services) -> None:
    """Register no callbacks."""


class Grouped(NamedTuple):
    """What a view groups sessions by."""

    by: str
    by_parts: bool = True
    """Whether it can be the model, agent or tool, of which a session has several."""


def _by_nothing(_state: State) -> None:
    """Return that nothing is grouped."""


def grouped(state: State) -> Grouped:
    """Return what a view groups by that can group by anything: by the model if nothing is said."""
    return Grouped(state.by or "model")


class View(NamedTuple):
    """A view: the page below the header, for a state."""

    name: str
    """In the address: ``/name``."""
    title: str
    layout: Callable[[State, Services], Any]
    """Returns the components; called on a worker thread for every state, after its condition was
    checked.  What takes long belongs into panels or callbacks."""
    register: Callable[[Any, Services], None] = _nothing
    """Registers the callbacks of the view with the Dash application, once."""
    csv: Callable[[State, Reads, Services], Csv] | None = None
    """Returns what *Export CSV* writes; ``None``: what the view of sessions does."""
    is_in_navigation: bool = True
    groups_by: Callable[[State], Grouped | None] = _by_nothing
    """Returns what sessions are grouped by, which the header shows and changes; ``None``: by
    nothing that can be chosen there."""
    is_selected: bool = True
    """Whether the filter and the time of the header decide what is shown; else they are hidden."""


@cache
def views() -> Mapping[str, View]:
    """Return the views that there are, by name, in their order."""
    return {view.name: view for view in _found()}


def _found() -> Iterator[View]:
    package = __package__ or ""
    for name in _MODULES:
        if find_spec(f"{package}.{name}") is not None:
            view: View = import_module(f"{package}.{name}").VIEW
            yield view


def navigation() -> list[View]:
    """Return the views that the navigation shows."""
    return [view for view in views().values() if view.is_in_navigation]
