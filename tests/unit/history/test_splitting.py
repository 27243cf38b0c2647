"""Sessions that are split by model, agent or tool."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg import Rollup
from otel_session_agg._history.breakdown import PARTS
from otel_session_agg._history.sources import Selection
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.details import Details
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.stored_sessions import StoredSession
from tests.support.grouping import grouped, printed

_LARGE = BreakdownRow(num_calls=2, total_tokens=30, cost_pusd=3 * 10**12, num_priced=2)
_SMALL = BreakdownRow(num_calls=1, num_errors=1, total_tokens=7, cost_pusd=10**12, num_priced=1)
_UNKNOWN = BreakdownRow(num_calls=1, total_tokens=5, num_unpriced=1)
_HOSTILE = '=evil()\x1b[31m\r\n,"\u202e'


def _session(models: Breakdown, *, user: str = "ada", whole: Breakdown | None = None, **details: Any) -> StoredSession:
    """A session with rows of models, whose totals are their sum or that of others."""
    total = (whole or models).total
    rollup = Rollup(
        num_computed=total.num_priced,
        num_unpriced_events=total.num_unpriced,
        total_tokens=total.total_tokens,
        prompt_tokens=total.prompt_tokens,
        completion_tokens=total.completion_tokens,
        cache_read_tokens=total.cache_read_tokens,
        cost_pusd=total.cost_pusd,
        details=Details(by_model=models, **details),
    )
    return StoredSession("s", SessionTotals(rollup, user=At(1, 0, user)), has_ended=True, revision=1)


class TestSplit:
    """Rows."""

    def test_models(self) -> None:
        """Each model has its calls, in as many sessions as had some; an unknown cost is none."""
        sessions = [
            _session(Breakdown({"large": _LARGE, "odd": _UNKNOWN})),
            _session(Breakdown({"large": _LARGE, "small": _SMALL})),
        ]
        groups = grouped(sessions, ["model"])
        names = ("model", "sessions", "calls", "tokens", "cost", "unpriced", "errors")
        assert [
            ("large", 2, 4, 60, 6, 0, 0),
            ("odd", 1, 1, 5, None, 1, 0),
            ("small", 1, 1, 7, 1, 0, 1),
        ] == [tuple(row[name] for name in names) for row in groups.rows]
        assert (2, 6, 72, 7, 1, 1) == tuple(groups.total[name] for name in names[1:])

    def test_average(self) -> None:
        """An average is over the sessions of whose cost something is known, as in groups of whole sessions."""
        sessions = [_session(Breakdown({"m": row})) for row in (_LARGE, _SMALL, _UNKNOWN)]
        groups = grouped(sessions, ["model"])
        assert [(3, 2.0)] == [(row["sessions"], row["average_cost"]) for row in groups.rows]
        assert (3, 2.0) == (groups.total["sessions"], groups.total["average_cost"])
        assert grouped(sessions, ["user"]).total["average_cost"] == groups.total["average_cost"]

    def test_with_other_keys(self) -> None:
        """Each group of the other keys is split, whichever is named first."""
        sessions = [_session(Breakdown({"small": _SMALL}), user=user) for user in ("lin", "ada", "ada")]
        rows = grouped(sessions, ["model", "user"]).rows
        assert [("small", "ada", 2), ("small", "lin", 1)] == [(row["model"], row["user"], row["calls"]) for row in rows]

    def test_tools_and_agents(self) -> None:
        """What no tool or agent made is in ``none``."""
        one = _session(
            Breakdown({"small": _SMALL}),
            by_tool=Breakdown({"search": BreakdownRow(num_calls=3)}),
            by_agent=Breakdown({"planner": _SMALL}),
        )
        tools = grouped([one], ["tool"])
        assert [("none", 0, 1), ("search", 3, 0)] == [(row["tool"], row["calls"], row["cost"]) for row in tools.rows]
        assert ["planner"] == [row["agent"] for row in grouped([one], ["agent"]).rows]

    def test_what_no_row_has(self) -> None:
        """The part of a process that knows no rows is of no model, and in the total."""
        one = _session(Breakdown({"small": _SMALL}), whole=Breakdown({"small": _SMALL, "large": _LARGE}))
        groups = grouped([one], ["model"])
        assert [("none", 30, 3), ("small", 7, 1)] == [(row["model"], row["tokens"], row["cost"]) for row in groups.rows]
        assert (37, 4) == (groups.total["tokens"], groups.total["cost"])

    def test_no_rows(self) -> None:
        """A session of which nothing is broken down is without a name."""
        groups = grouped([_session(Breakdown(), whole=Breakdown({"large": _LARGE}))], ["model"])
        assert [(None, 30, 3)] == [(row["model"], row["tokens"], row["cost"]) for row in groups.rows]

    def test_nothing(self) -> None:
        """Without sessions there are no rows."""
        assert ([], 0, None) == ((groups := grouped([], ["model"])).rows, groups.total["sessions"], groups.total["average_cost"])

    @pytest.mark.parametrize("part", PARTS)
    def test_adds_up(self, part: str) -> None:
        """Costs and tokens of the rows add up to the total, and that to those of the sessions."""
        models = [Breakdown({"large": _LARGE, "odd": _UNKNOWN}), Breakdown({"small": _SMALL}), Breakdown({})]
        tools = Breakdown({"search": BreakdownRow(num_calls=3)})
        groups = grouped([_session(one, by_agent=Breakdown({"a": one.total}), by_tool=tools) for one in models], [part])
        for name in ("prompt_tokens", "tokens", "cost"):
            assert sum((row[name] or 0) for row in groups.rows) == groups.total[name]
        assert sum(one.total.total_tokens or 0 for one in models) == groups.total["tokens"]

    def test_names_are_escaped(self) -> None:
        """Names of models are no formulas, and move no cursor."""
        sessions = [_session(Breakdown({_HOSTILE: _SMALL}))]
        table, text = (printed(sessions, Selection(group_by=["model"]), form) for form in ("table", "csv"))
        assert all(line.isprintable() for line in table.splitlines())
        assert text.split("\r\n")[1].startswith("\"'=evil()\\x1b[31m\\r\\n,")
