"""``SpanExplanation``: what one span states, by which keys, and what its call counts as."""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg._explain.keys import Stated, stated_by
from otel_session_agg._explain.tree import Branch
from otel_session_agg._explain.verdicts import Verdict
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.plan import Scopes
from otel_session_agg._untrusted.formatting import as_repr, short
from otel_session_agg._untrusted.values import PUSD_PER_USD

__all__ = ["SpanExplanation"]


class SpanExplanation:
    """One span: what was read from it, which keys state that, and what its call counts as."""

    __slots__ = ("_scopes", "_stated", "branch", "number", "reading", "span", "verdict")

    def __init__(
        self,
        number: int,
        branch: Branch,
        row: tuple[SpanData, Reading],
        verdict: Verdict | None,
        scopes: Scopes | None,
    ) -> None:
        self.number = number
        """The place in the tree, from 1."""
        self.branch = branch
        self.span, self.reading = row
        self.verdict = verdict
        """``None``: it reports no call."""
        self._scopes = scopes
        self._stated: Mapping[str, Stated] | None = None

    @property
    def stated(self) -> Mapping[str, Stated]:
        """Return by name (``kind``, ``prompt_tokens`` ...) the keys that state it.

        Found when it is asked for first, by reading the span again without each key.
        """
        if self._stated is None:
            self._stated = {} if self._scopes is None else stated_by(self.span, self._scopes)
        return self._stated

    @property
    def name(self) -> str:
        """The span's name."""
        return self.span.name

    @property
    def kind(self) -> str:
        """What it stands for: ``model``, ``tool``, ``agent`` ..., ``span``."""
        return self.reading.kind.value

    @property
    def counts(self) -> bool:
        """Whether it reports a call that counts."""
        return self.verdict is not None and self.verdict.counts

    @property
    def cost_usd(self) -> float | None:
        """The cost that it adds to the sum, USD; ``None``: unknown."""
        cost = 0 if self.verdict is None else self.verdict.cost_pusd
        return None if cost is None else cost / PUSD_PER_USD

    def __repr__(self) -> str:
        return as_repr("SpanExplanation", [f"{self.number} {short(self.name)}", self.kind])
