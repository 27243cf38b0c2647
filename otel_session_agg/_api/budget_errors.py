"""What ``Budget.check`` raises."""

from __future__ import annotations

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.formatting import dollars, printable


class BudgetExceeded(SessionAggError):  # noqa: N818 -- reads as what happened
    """A session, or what else a budget is over, has used more than its budget.

    Only ``Budget.check`` raises it.
    """

    def __init__(  # noqa: PLR0913 -- all that the message needs
        self,
        session_id: str,
        rollup: Rollup,
        cost_usd: float | None,
        total_tokens: int | None,
        whose: str = "",
        reason: str = "",
    ) -> None:
        self.session_id = session_id
        """The session; for a budget over something else, the name of its account."""
        self.rollup = rollup
        """The totals when this was found."""
        self.whose = whose or f"session {printable(session_id)}"
        """What the budget is over, and in which period, as text."""
        self.reason = reason
        """Why the totals are not known; empty when they are."""
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
        return f"{self.whose} has used {' and '.join(used)}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (
            self.session_id,
            self.rollup,
            self.cost_usd,
            self.total_tokens,
            self.whose,
            self.reason,
        )


class BudgetUnknown(BudgetExceeded):
    """What a session has used is not known, or not all of it.

    Only ``Budget.check`` of a ``strict`` budget raises it.  It is a ``BudgetExceeded``, so an
    application that stops for that stops for this, too.
    """

    def _text(self) -> str:
        return f"what {self.whose} has used is not known: {self.reason}"
