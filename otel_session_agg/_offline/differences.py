"""``diff()``: what the same traces cost by other prices, or two sets of traces, for Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_session_agg._extras import needed
from otel_session_agg._history.comparing import REASONS, Comparison
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Result
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.rate_changes import RateChange, rate_changes
from otel_session_agg._offline.sessions import Sessions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Differences", "diff"]

MAX_MODELS = 20
"""Models whose prices are looked up: those whose calls differ most."""

_REPRICED = """
SELECT model, provider, arg_max(start_time, abs({0})) FROM compared
WHERE reason IN ('price', 'priced_after', 'priced_before') AND model IS NOT NULL
GROUP BY model, provider ORDER BY sum(abs({0})) DESC, model, provider LIMIT ?
""".format("coalesce(cost_after, 0) - coalesce(cost_before, 0)")
_REASONS = """
SELECT reason, count(*), sum(coalesce(cost_after, 0) - coalesce(cost_before, 0))
FROM compared GROUP BY reason
"""


@dataclass(frozen=True, eq=False)
class Differences:
    """What calls cost before and after, and why; use it as a context manager.

    Rows are ``dict``.  Costs are ``Decimal``, USD, of the calls whose price is known: those of
    which it is not are counted, as ``unpriced_before`` and ``unpriced_after``.  Each call differs
    for one reason, so reasons add up to ``difference`` exactly.
    """

    _comparison: Comparison = field(repr=False)
    _options: tuple[Options, Options] | None = field(repr=False)
    """How calls were priced before and after; ``None``: not known of a kept file."""

    def by(self, *keys: str, sort: str | None = None, limit: int | None = None) -> Result:
        """Return the differences, added up by what these keys say, and their totals.

        Args:
            keys: ``model``, ``session``, ``user``, ``agent``, ``tool``, ``provider``, ``day``,
                ``hour``, ``month``, ``reason``; ``call``: each call; ``total``: all in one row.
            sort: A column, with ``-`` before it descending; ``None``: what differs most is first.
            limit: The first rows only.

        Raises:
            SessionAggError: a name is not known; the text has those that are.

        """
        return self._comparison.select(keys, sort, limit)

    @property
    def by_model(self) -> list[dict[str, Any]]:
        """A row for each model."""
        return list(_rows(self.by("model")))

    @property
    def by_session(self) -> list[dict[str, Any]]:
        """A row for each session."""
        return list(_rows(self.by("session")))

    @property
    def by_user(self) -> list[dict[str, Any]]:
        """A row for each user."""
        return list(_rows(self.by("user")))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return _rows(self.by("call"))

    @property
    def total(self) -> Mapping[str, Any]:
        """The figures over all calls."""
        return self.by("total", limit=0).total

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Why there are differences: ``reason``, ``meaning``, ``calls``, ``difference``."""
        found = {row[0]: row[1:] for row in self._comparison.rows(_REASONS)}
        return [
            {"reason": name, "meaning": meaning, "calls": calls, "difference": difference}
            for name, meaning in (*REASONS.items(), (None, "no difference"))
            if name in found
            for calls, difference in [found[name]]
        ]

    @cached_property
    def prices(self) -> list[RateChange]:
        """Prices that differ, of the 20 models that it matters most for; of traces only."""
        if self._options is None:
            return []
        models = self._comparison.rows(_REPRICED, [MAX_MODELS])
        return [
            change
            for model, provider, at in models
            for change in rate_changes(
                model, provider, at.replace(tzinfo=timezone.utc), *self._options
            )
        ]

    def to_pandas(self, *keys: str) -> pd.DataFrame:
        """Return the differences by these keys, as `by`, as a frame of pandas."""
        pandas, result = needed("pandas", None), self.by(*keys)
        frame: pd.DataFrame = pandas.DataFrame(list(result.rows), columns=list(result.columns))
        return frame

    def close(self) -> None:
        """Delete what is temporary."""
        self._comparison.close()

    def __enter__(self) -> Differences:  # noqa: PYI034 -- `Self` is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def diff(
    before: Sessions | str | os.PathLike[str], after: Sessions | str | os.PathLike[str]
) -> Differences:
    """Compare what calls cost before and after.

    Args:
        before: Sessions of ``replay``, or a file that it kept (``history``).
        after: The same; ``sessions.repriced()`` has the same traces with other prices.

    Raises:
        SessionAggError: a file cannot be read.

    """
    with ExitStack() as stack:
        histories = [
            one.history
            if isinstance(one, Sessions)
            else stack.enter_context(History(Path(one), read_only=True))
            for one in (before, after)
        ]
        options = None
        if isinstance(before, Sessions) and isinstance(after, Sessions):
            options = before.options, after.options
        return Differences(Comparison(*histories), options)


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    return (dict(zip(result.columns, row, strict=True)) for row in result.rows)
