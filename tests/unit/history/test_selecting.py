"""What is selected is what is there, and groups add up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from otel_session_agg._history.breakdown import PARTS
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.figures import OF_PARTS, OF_SESSIONS
from otel_session_agg._history.history import History
from otel_session_agg._history.prepared import session_of
from otel_session_agg._history.sources import Result, Selection
from otel_session_agg._model.replayed import SessionPart
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.stored_sessions import COLUMNS, StoredSession, read_row
from tests.support.histories import Facts, joined, many, one_trace

FACTS = joined(
    [
        many(40, 11),
        many(5, first=60),
        one_trace(100, "it's", user=None, cost_pusd=None, model="", dimensions={"tier": "gold", "tool": "x"}),
        one_trace(101, "dear", user="Zoë", cost_pusd=10**24 + 1, metadata={"plan": "pro", "score": 1.5}, num_open=1),
        one_trace(102, "free", user="ada", cost_pusd=0, metadata={"a'b\"c": "d", "$.x": "1", "new\nline\\": "e"}),
    ]
)


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    """A history of these."""
    with History() as made:
        made.add(*FACTS)
        made.recount()
        yield made


def sessions(facts: Facts = FACTS) -> list[StoredSession]:
    """The same sessions, as values."""
    found: dict[str, StoredSession] = {}
    for part in facts.parts:
        known = found.get(part.session_id)
        totals = part.totals if known is None else known.totals + part.totals
        found[part.session_id] = session_of(part.session_id, totals)
    return list(found.values())


def names_of(result: Result) -> set[Any]:
    """The first values of all rows."""
    return {row[0] for row in result.rows}


class TestGroups:
    """Groups."""

    @pytest.mark.parametrize("part", [None, *PARTS])
    @pytest.mark.parametrize(
        "keys",
        [["user"], ["day"], ["hour"], ["month", "user"], ["end_reason"], ["plan"], ["service.name", "metadata.is_new"], ["tier"]],
    )
    def test_add_up(self, history: History, part: str | None, keys: list[str]) -> None:
        """By everything that sessions are grouped by, groups add up to the total, and that is the same by all of them."""
        by = [*keys, part] if part else keys
        result = history.select(Selection(group_by=by))
        figures = OF_PARTS if part else OF_SESSIONS
        assert (*by, *figures) == result.columns
        rows: list[dict[str, Any]] = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        for name in ("cost", "tokens", "unpriced", "errors", *(() if part else ("sessions", "turns", "traces"))):
            assert result.total[name] == sum(row[name] or 0 for row in rows)
        assert sum(one.rollup.cost_pusd for one in sessions()) == int(str(result.total["cost"]).replace(".", ""))

    def test_nothing(self, history: History) -> None:
        """Of nothing there are no groups, and the figures are 0 or unknown."""
        for keys in (["user"], ["model"]):
            result = history.select(Selection(group_by=keys, where="session = nobody"))
            assert [] == list(result.rows)
            assert (0, {None, 0}) == (result.total["sessions"], set(result.total.values()))

    @pytest.mark.parametrize("part", PARTS)
    def test_no_parts(self, part: str) -> None:
        """Sessions without any model, agent or tool cost nothing; there are no groups of them."""
        with History() as empty:
            empty.add([SessionPart(1, "a", SessionTotals())], [], [])
            result = empty.select(Selection(group_by=[part], sort="average_cost"))
            assert [] == list(result.rows)
            assert (1, 0, 0.0) == tuple(result.total[name] for name in ("sessions", "cost", "average_cost"))

    def test_sort(self, history: History) -> None:
        """By a key or figure; unknown values come last either way."""
        by_cost: list[Any] = [
            row[-1] for row in history.select(Selection(group_by=["user"], sort="-cost", columns=["cost"])).rows
        ]
        assert sorted(by_cost, reverse=True) == by_cost
        users = [row[0] for row in history.select(Selection(group_by=["user"], sort="-user")).rows]
        assert ["ada", "Zoë", "Ann Lee", None] == users
        averages = history.select(Selection(group_by=["model"], sort="average_cost", columns=["average_cost"], limit=2))
        assert 2 == len(list(averages.rows))

    def test_calls(self, history: History) -> None:
        """Only calls that count are added up."""
        result = history.select(Selection("call", group_by=["model"], where="start_time < 2027-01-01"))
        rows: list[dict[str, Any]] = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        counting = [call for call in FACTS.calls if call.counts]
        assert sum(call.cost_pusd or 0 for call in counting) == sum(int((row["cost"] or 0) * 10**12) for row in rows)
        assert len(counting) == sum(row["calls"] for row in rows) == result.total["calls"]
        assert sum(call.cost_pusd is None for call in counting) == result.total["unpriced"]

    @pytest.mark.parametrize("by", ["trace", "root"])
    def test_traces(self, history: History, by: str) -> None:
        """Traces by what they state, too."""
        result = history.select(Selection(by, group_by=["service.name", "user"]))
        assert len(FACTS.traces) == sum(row[2] for row in result.rows if isinstance(row[2], int))

    def test_wrong(self, history: History) -> None:
        """Names that are not there are errors that say what is."""
        for wanted, message in (
            (Selection(group_by=["nope"]), "no key to group by 'nope': use one of session, state, user, .*model"),
            (Selection(group_by=["cost"]), "no key to group by 'cost'"),
            (Selection(group_by=["model", "tool"]), "split by one of model, agent, tool, not by several"),
            (Selection("trace", group_by=["model"]), "traces cannot be grouped by model"),
            (
                Selection(group_by=["user"], columns=["models"]),
                "no column 'models' [(]did you mean model_events[?][)]: use one of sessions",
            ),
            (Selection(group_by=["user"], sort="nope"), "no column 'nope'"),
            (Selection(columns=["nope"]), "no column 'nope': use one of session"),
            (Selection("call", sort="-nope"), "no column 'nope': use one of trace_id"),
            (Selection("event"), "no selection by 'event': use one of session, trace, root, call, span"),
        ):
            with pytest.raises(HistoryError, match=message):
                history.select(wanted)


class TestRows:
    """Rows one by one."""

    def test_columns(self, history: History) -> None:
        """Every column of a store's sessions is there under its name, with the same value."""
        result = history.select(Selection(columns=list(COLUMNS)))
        found = {row[0]: dict(zip(result.columns, row, strict=True)) for row in result.rows}
        for session in sessions():
            wanted = dict(read_row(session))
            cost = found[session.session_id].pop("cost")
            assert wanted.pop("cost") == (None if cost is None else float(cost))  # type: ignore[arg-type]
            assert wanted == found[session.session_id]

    def test_exact(self, history: History) -> None:
        """No digit of money is lost."""
        result = history.select(Selection(where="session = dear", columns=["cost"]))
        assert [(Decimal("1000000000000.000000000001"),)] == list(result.rows)
        assert sum(part.totals.rollup.cost_pusd for part in FACTS.parts) == int(
            str(history.select(Selection()).total["cost"]).replace(".", "")
        )

    def test_order(self, history: History) -> None:
        """The latest come first, and unknown values last either way."""
        ends: list[Any] = [row[0] for row in history.select(Selection(columns=["end_time"])).rows]
        assert sorted(ends, reverse=True) == ends
        for sort in ("cost", "-cost"):
            assert [(None,)] == list(history.select(Selection(columns=["cost"], sort=sort)).rows)[-1:]
        assert 3 == len(list(history.select(Selection(limit=3)).rows))

    def test_labels(self, history: History) -> None:
        """Labels are columns, each with the type that its values have."""
        result = history.select(
            Selection(
                where="session = session-1", columns=["plan", "metadata.score", "is_new", "service.name", "tier", "metadata.none"]
            )
        )
        assert [("pro", 8.5, True, "shop-1", "1", None)] == list(result.rows)

    def test_times(self, history: History) -> None:
        """From a time on, and before one."""
        at = datetime(2026, 1, 13, tzinfo=timezone.utc)
        early = names_of(history.select(Selection("trace", until=at)))
        late = names_of(history.select(Selection("trace", since=at)))
        assert early
        assert late
        assert len(FACTS.traces) == len(early) + len(late)
        assert early == names_of(history.select(Selection("trace", where="day < '2026-01-13' and true")))


class TestConditions:
    """SQL means what it says."""

    @pytest.mark.parametrize(
        ("text", "same"),
        [
            ("user = 'ada' and cost > 0.01", "user = ada and cost > 0.01"),
            ("\"service.name\" = 'shop-1'", "service.name = shop-1"),
            ("service.name in ('shop-1')", "service.name = shop-1"),
            ("list_contains(models, 'gpt-4o')", "models = gpt-4o"),
            ("plan = 'free' and not is_new or false", "plan = free and is_new = false"),
            ("metadata.score * 2 > 6 -- twice", "metadata.score > 3"),
            ("USER = lower('ADA') AND Cost BETWEEN 0.01 AND 9", "user = ada and cost >= 0.01 and cost <= 9"),
            ("day = '2026-01-12' and true", "day = 2026-01-12"),
            ("tokens = prompt_tokens + completion_tokens", "tokens >= 0"),
            ("start_time > timestamp '2026-01-12 12:00' and 1 = 1", "start_time > 2026-01-12T12:00"),
            ('"a\'b""c" = \'d\'', "session = free"),
            ("list_has_any(models, ['gpt-4o', 'x']) and session not ilike '%zz_'", "models = gpt-4o"),
            ("round(cost * 100, 1) >= 0 and start_time > now() - interval 100 year", "cost >= 0"),
            ("\"$.x\" = '1'", "session = free"),
            ("\"new\nline\\\" = 'e'", "session = free"),
        ],
    )
    def test_sql(self, history: History, text: str, same: str) -> None:
        """Both select the same sessions."""
        wanted = names_of(history.select(Selection(where=same)))
        assert wanted
        assert wanted == names_of(history.select(Selection(where=text)))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1=1; DROP TABLE sessions", "not understood: syntax error"),
            ("cost >", "not understood: it is not complete, or has a parenthesis too many"),
            ("cots > 1", "there is no column 'cots' [(]did you mean cost[?][)]: use one of"),
            ("1=1) ; DROP TABLE sessions --", "not understood: it is not complete, or has a parenthesis too many"),
            ("1 = 1); SELECT (2", "more than one expression"),
            ("1 = 1), (2 = 2", "more than one expression"),
            ("1 = 1) FROM traces WHERE (1 = 1", "more than one expression"),
            ("1) UNION SELECT (1", "more than one expression"),
            ("cost > (SELECT max(cost) FROM sessions)", "has subquery in it"),
            ("EXISTS (FROM read_csv('/etc/passwd'))", "has subquery in it"),
            ("read_csv('/etc/passwd') = 'x'", "has read_csv in it"),
            ("COLUMNS('c.*') = 1", "has star in it"),
            ("cost > ?", "has parameter in it"),
            ("sum(cost) OVER () > 1", "has window in it"),
            ("list_sum(range(1000000000)) > 1", "has list_sum in it"),
            ("len(list_filter(models, lambda x: x = 'a')) > 0", "has list_filter in it|not understood"),
            ("length(printf('%1000000000d', tokens)) > 0", "has printf in it"),
            ("length(replace(replace(session, 'a', user), 'b', user)) > 0", "has replace in it"),
            ("pg_sleep(60) IS NULL", "has pg_sleep in it"),
            ("error(current_query())", "has error in it|has current_query in it"),
            ("current_setting('temp_directory') = 'x'", "has current_setting in it"),
            ("len([['a']::VARCHAR]::VARCHAR) > 0", "has a list in a list in it"),
            ("len(array[array['a']::VARCHAR]::VARCHAR) > 0", "has a list in a list in it"),
            ("sum(cost) > 1", "has sum in it"),
            ("nope > 1", "no column 'nope': use one of session, state"),
            ("user = nope.nope or 1 = 1", "no column 'nope.nope'"),
            ("internal.parts.totals = 'x'", "no column 'internal.parts.totals'"),
            ("cost > 'abc'", "Could not convert string"),
            ("models = 'x' or false", "cannot be met"),
            ("", "1 to 10000 characters"),
            (" " * 20_000, "1 to 10000 characters"),
            ("cost > 1 /* open", "not understood"),
            ("(" * 4000, "not understood"),
            ("not " * 2000 + "true", "not understood|in each other"),
            ("COPY sessions TO '/tmp/x'", "not understood"),
            ("PRAGMA database_list", "not understood"),
            ("SET memory_limit = '9GB'", "not understood"),
            ("\ud800 = 1", "has parameter in it"),
        ],
    )
    def test_refused(self, history: History, text: str, message: str) -> None:
        """Nothing but one expression over what there is."""
        with pytest.raises(HistoryError, match=message):
            list(history.select(Selection(where=text)).rows)
        assert len(sessions()) == history.select(Selection()).total["sessions"]

    def test_hostile_values(self, history: History) -> None:
        """Values are values, whatever is in them; older versions of DuckDB refuse one with a NUL."""
        for value in ("'; DROP TABLE sessions; --", "a\0b", "\U0001f600", "x" * 5000):
            for text in (f'user = "{value}"', f"user = '{value.replace(chr(39), chr(39) * 2)}' or false"):
                with suppress(HistoryError):
                    assert set() == names_of(history.select(Selection(where=text)))

    def test_configured(self, history: History) -> None:
        """A label that no session has can be named where it is said to be one."""
        assert set() == names_of(history.select(Selection(where="tenant = acme", labels=["tenant"])))


class TestFiltered:
    """What is selected is a part of other queries."""

    @pytest.mark.parametrize("by", ["session", "trace", "root", "call"])
    def test_same(self, history: History, by: str) -> None:
        """It has the rows of the selection, and its columns only."""
        wanted = Selection(by, where="\"service.name\" = 'shop-1'", until=datetime(2026, 1, 13))  # noqa: DTZ001 -- UTC
        sql, parameters = history.filtered(wanted)
        rows = history.rows(f"SELECT * FROM {sql} ORDER BY ALL", parameters)  # noqa: S608
        result = history.select(wanted)
        assert 0 < len(rows) == len(list(result.rows))
        assert len(result.columns) == len(rows[0])

    def test_columns_are_not_those_of_the_condition(self, history: History) -> None:
        """What a condition needs is not in it."""
        sql, parameters = history.filtered(Selection(where="plan = 'pro' and metadata.score > 3"))
        [(names,)] = history.rows(f"SELECT list(column_name) FROM (DESCRIBE SELECT * FROM {sql})", parameters)  # noqa: S608
        assert "cost" in names
        assert not [name for name in names if name.startswith("label")]

    def test_several_conditions(self, history: History) -> None:
        """All are to be met, whatever their form."""
        both = names_of(history.select(Selection(where=["plan = pro", "\"service.name\" = 'shop-1' or cost > 10"])))
        assert both == names_of(history.select(Selection(where="plan = 'pro' and (\"service.name\" = 'shop-1' or cost > 10)")))
        assert both < names_of(history.select(Selection(where="plan = pro")))

    @pytest.mark.parametrize(
        ("where", "message"),
        [("nope > 1", "there is no column 'nope'"), ("sum(cost) > 1", "the condition has sum in it")],
    )
    def test_refused(self, history: History, where: str, message: str) -> None:
        """It is said at once, not when it is used."""
        with pytest.raises(HistoryError, match=message):
            history.filtered(Selection(where=where))
