"""What the API asks: the history, the counter, the alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from otel_session_agg._history.readable import ReadableHistory
from otel_session_agg._offline.options import Options

__all__ = ["Alerts", "ApiServices", "Given"]


class Alerts(Protocol):
    """Rules about sessions, and what they found; errors are `SessionAggError`."""

    problem: str | None
    """Why rules cannot be checked at the moment."""

    def rules(self) -> Sequence[Mapping[str, Any]]:
        """Return the rules, each with its state."""

    def fired(self, limit: int = 100, rule: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Return what fired last."""

    def number_fired(self, rule: str | None = None) -> int:
        """Return how many times rules have fired."""

    def preview(self, rule: Mapping[str, Any], days: int = 7) -> Mapping[str, Any]:
        """Return what a rule would have found."""

    def save(self, name: str, rule: Mapping[str, Any], before: str | None = None) -> None:
        """Keep a rule, in place of one of its name, or of another name, that was kept before."""

    def delete(self, name: str) -> None:
        """Delete a rule that was kept."""

    def pause(self, name: str) -> None:
        """Do not check a rule any more."""

    def resume(self, name: str) -> None:
        """Check it again."""

    def mute(self, name: str, seconds: float | None = None) -> None:
        """Notify nobody of it for some time."""

    def unmute(self, name: str) -> None:
        """Notify again."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """What a server has."""

    reading: Callable[[], AbstractContextManager[ReadableHistory]]
    """Lends the history to one question."""
    options: Options
    """How spans are priced."""
    status: Callable[[], Mapping[str, Any]]
    """Returns the fields of `models.Status`."""
    alerts: Alerts | None = None
    """``None``: there are no rules."""


def _services(request: Request) -> ApiServices:
    found: ApiServices = request.app.state.services
    return found


Given = Annotated[ApiServices, Depends(_services)]
"""The argument of a function that answers."""
