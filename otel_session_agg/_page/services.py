"""What the page is given by the server that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from otel_session_agg._alerts.budgets import Budget
from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._page.memo import Memo
from otel_session_agg._views.live import Status
from otel_session_agg._views.reads import Reads

__all__ = ["Services"]

_SLOW_SECONDS = 30.0


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Services:
    """Where views read, and what the server can do."""

    reader: Callable[[], AbstractContextManager[Reads]]
    """Lends the history to one question; called from worker threads, several at once."""
    is_live: bool = False
    """Whether spans are received, so that figures change."""
    status: Callable[[], Status] | None = None
    """How the server is; ``None``: it receives nothing."""
    now: Callable[[], datetime] = field(default=_now)
    """The time, in UTC."""
    more: dict[str, Any] = field(default_factory=dict)
    """What single views need beside it, by the name of the view."""
    answers: Memo = field(init=False, default_factory=Memo)
    """What was asked of the history."""
    slow_answers: Memo = field(init=False, default_factory=lambda: Memo(_SLOW_SECONDS))
    """The same for what takes long and hardly changes, such as what is normal."""

    @property
    def alerts(self) -> AlertEngine | None:
        """What checks rules; ``None``: this server has none."""
        found = self.more.get("alerts")
        return found if isinstance(found, AlertEngine) else None

    @property
    def budgets(self) -> Sequence[Budget]:
        """What rules allow sessions to use."""
        return self.alerts.budgets() if self.alerts is not None else ()
