"""What ``Budget.check`` raises."""

from __future__ import annotations

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._formatting import dollars, printable
from otel_session_agg._rollup import Rollup


class BudgetExceeded(SessionAggError):  # noqa: N818 -- reads as what happened
    """A session has used more than its budget; raised by ``Budget.check`` only."""

    def __init__(self, session_id: str, rollup: Rollup, cost_usd: float | None, total_tokens: int | None) -> None:
        self.session_id = session_id
        self.rollup = rollup
        """The session's totals when this was found."""
        self.cost_usd = cost_usd
        """The limit, USD."""
        self.total_tokens = total_tokens
        """The limit, tokens."""
        super().__init__(self._text())

    def _text(self) -> str:
        rollup, used = self.rollup, []
        if self.cost_usd is not None:
            cost = "an unknown amount" if rollup.cost_usd is None else dollars(rollup.cost_usd)
            used.append(f"{cost} of {dollars(self.cost_usd)}")
        if self.total_tokens is not None:
            used.append(f"{rollup.total_tokens or 0} of {self.total_tokens} tokens")
        return f"session {printable(self.session_id)} has used {' and '.join(used)}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id, self.rollup, self.cost_usd, self.total_tokens)


class BudgetUnknown(BudgetExceeded):
    """What a session has used is not known, or not all of it; raised by ``Budget.check`` of a budget that is ``strict``.

    It is a ``BudgetExceeded``, so whoever stops for that stops for this, too.
    """

    def __init__(
        self, session_id: str, rollup: Rollup, cost_usd: float | None, total_tokens: int | None, reason: str = ""
    ) -> None:
        self.reason = reason
        """Why it is not known."""
        super().__init__(session_id, rollup, cost_usd, total_tokens)

    def _text(self) -> str:
        return f"what session {printable(self.session_id)} has used is not known: {self.reason}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id, self.rollup, self.cost_usd, self.total_tokens, self.reason)
