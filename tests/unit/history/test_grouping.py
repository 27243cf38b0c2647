"""Sessions in groups."""

from __future__ import annotations

import json
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._history.figures import OF_SESSIONS
from otel_session_agg._history.sources import Selection
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._sharing.stored_sessions import StoredSession
from tests.support.grouping import grouped, history_of_sessions, printed

KEYS = ("user", "hour", "day", "month", "end_reason")
_HOUR_NS = 3600 * 10**9
_HOSTILE = '=evil()\x1b[31m\r\n,"\u202e'


def _session(
    session_id: str = "s",
    cost_pusd: int = 0,
    *,
    user: str | None = None,
    start_ns: int | None = None,
    end_reason: str | None = None,
    metadata: dict[str, Any] | None = None,
    dimensions: dict[str, Any] | None = None,
    **rollup: Any,
) -> StoredSession:
    """A session with one priced call, if not told otherwise."""
    figures = {"num_computed": 1, "num_events": 1, "num_model_events": 1, "total_tokens": 10, **rollup}
    totals = SessionTotals(
        Rollup(cost_pusd=cost_pusd, start_ns=start_ns, **figures),
        traces=frozenset({1, 2}),
        num_roots=3,
        num_repeats=1,
        user=At(1, 0, user) if user is not None else None,
        metadata={name: Labelled(1, value) for name, value in (metadata or {}).items()},
        dimensions={name: Dimension(1, 1, value) for name, value in (dimensions or {}).items()},
    )
    return StoredSession(session_id, totals, has_ended=end_reason is not None, revision=0, end_reason=end_reason)


class TestKeys:
    """What sessions are grouped by."""

    def test_all(self) -> None:
        """The user, the time of the start in UTC, the end, dimensions and metadata."""
        one = _session(
            user="ann",
            start_ns=25 * _HOUR_NS,
            end_reason="idle",
            metadata={"plan": "pro", "tenant": "later"},
            dimensions={"tenant": "acme", "beta": True, "n": 3},
        )
        expected = {
            "user": "ann",
            "hour": "1970-01-02T01:00Z",
            "day": "1970-01-02",
            "month": "1970-01",
            "end_reason": "idle",
            "plan": "pro",
            "metadata.plan": "pro",
            "tenant": "acme",
            "metadata.tenant": "acme",
            "beta": "true",
            "n": "3",
        }
        [row] = grouped([one], tuple(expected)).rows
        assert expected == {name: row[name] for name in expected}

    def test_unknown(self) -> None:
        """A session that does not have a key is in a group of its own, the last."""
        sessions = [_session(), _session(user="zoe"), _session(user="ann", metadata={"plan": "pro"})]
        rows = grouped(sessions, ["user", "plan"]).rows
        assert [("ann", "pro"), ("zoe", None), (None, None)] == [(row["user"], row["plan"]) for row in rows]

    def test_no_calendar(self) -> None:
        """A time that no calendar has is unknown."""
        assert [None] == [row["day"] for row in grouped([_session(start_ns=2**63 - 1 + 10**30)], ["day"]).rows]

    def test_types(self) -> None:
        """Values of any type can be keys at once."""
        sessions = [_session(dimensions={"n": value}) for value in (1, True, "1", 1.0, "true")]
        assert [("1", 2), ("1.0", 1), ("true", 2)] == [(row["n"], row["sessions"]) for row in grouped(sessions, ["n"]).rows]


class TestFigures:
    """What is added up."""

    def test_sums(self) -> None:
        """Each figure is that of its sessions together."""
        one = _session(
            cost_pusd=10**12,
            prompt_tokens=7,
            completion_tokens=3,
            cache_read_tokens=2,
            num_errors=1,
            num_unpriced_events=1,
        )
        [row] = grouped([one, _session(cost_pusd=2 * 10**12)], ["user"]).rows
        assert {
            "user": None,
            "sessions": 2,
            "turns": 4,
            "traces": 4,
            "events": 2,
            "model_events": 2,
            "tokens": 20,
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "cache_read_tokens": 2,
            "cost": Decimal(3),
            "unpriced": 1,
            "errors": 1,
            "average_cost": 1.5,
        } == row

    def test_unknown_cost(self) -> None:
        """Where nothing has a known price, the cost is unknown, and is in no average."""
        unpriced = _session(num_computed=0, num_unpriced_events=2, total_tokens=None)
        groups = grouped([unpriced, _session(cost_pusd=10**12, user="ann")], ["user"])
        assert [(Decimal(1), 1.0, 10), (None, None, None)] == [
            (row["cost"], row["average_cost"], row["tokens"]) for row in groups.rows
        ]
        assert (Decimal(1), 1.0, 2) == tuple(groups.total[name] for name in ("cost", "average_cost", "sessions"))

    def test_nothing(self) -> None:
        """Of no session there is no group, and the totals are 0 or unknown."""
        groups = grouped([], ["user"])
        assert ([], 0, None) == (groups.rows, groups.total["sessions"], groups.total["cost"])

    @settings(max_examples=5, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 10**22)), min_size=1))
    def test_exact(self, rows: list[tuple[str | None, int]]) -> None:
        """To the picodollar, however much it is, and whatever precision the application has set."""
        sessions = [_session(cost_pusd=cost, user=user) for user, cost in rows]
        with localcontext(Context(prec=3)):
            out = printed(sessions, Selection(group_by=["user"], columns=["cost", "sessions"]), "csv")
        lines = [line.split(",") for line in out.split()[1:]]
        costs, numbers = ([Fraction(line[at]) for line in lines] for at in (1, 2))
        assert costs[-1] == sum(costs[:-1]) == Fraction(sum(cost for _, cost in rows), 10**12)
        assert numbers[-1] == len(rows) == sum(numbers[:-1])

    def test_any_order(self) -> None:
        """In whatever order sessions come, groups are the same."""
        sessions = [_session(str(number), number, user="ab"[number % 2]) for number in range(6)]
        assert grouped(sessions, ["user"]) == grouped(sessions[3:] + sessions[:3], ["user"])


class TestOrder:
    """The order of groups."""

    def test_unknown_last(self) -> None:
        """By any key or figure; what is not known comes last either way."""
        unknown = _session(num_computed=0, num_unpriced_events=1, total_tokens=None)
        known = [
            _session(cost_pusd=cost, user=user, start_ns=cost, end_reason="idle") for user, cost in (("a", 1), ("b", 4 * 10**18))
        ]
        with history_of_sessions([unknown, *known]) as history:
            for name, sign in product([*OF_SESSIONS, *KEYS], ["", "-"]):
                selection = Selection(group_by=KEYS, columns=[name], sort=sign + name)
                found = [row[-1] if name in OF_SESSIONS else row[KEYS.index(name)] for row in history.select(selection).rows]
                values: list[Any] = [one for one in found if one is not None]
                assert sorted(values, reverse=bool(sign)) == values
                assert [None] * (3 - len(values)) == found[len(values) :]


class TestHostile:
    """Keys that users wrote."""

    def test_screen(self) -> None:
        """Nothing moves the cursor, neither keys nor names."""
        assert all(line.isprintable() for line in _of_hostile("table").splitlines())

    def test_csv(self) -> None:
        """Nothing is a formula, neither keys nor names."""
        header, group, total, _ = _of_hostile("csv").split("\r\n")
        assert [True, True] == [line.startswith("\"'=evil()\\x1b[31m\\r\\n,") for line in (header, group)]
        assert "total,0" == total

    def test_json(self) -> None:
        """JSON has it as it is, in ASCII."""
        out = _of_hostile("json")
        assert out.isascii()
        assert {_HOSTILE: _HOSTILE, "cost": 0.0} == json.loads(out)["groups"][0]


def _of_hostile(form: str) -> str:
    """A group whose key is a hostile name, as it is printed."""
    return printed([_session(metadata={_HOSTILE: _HOSTILE})], Selection(group_by=[_HOSTILE], columns=["cost"]), form)
