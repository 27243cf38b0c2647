"""Labels have the type of the values that are there, and questions about calls have what their traces state."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_session_agg._history.columns import ColumnType
from otel_session_agg._history.history import History
from otel_session_agg._history.labels import Labels, labels_of, note_all_labels
from otel_session_agg._history.sources import Selection
from tests.support.histories import Facts, joined, kept, many, one_trace


class TestTypes:
    """``label_type``."""

    @pytest.mark.parametrize(
        ("before", "after", "where", "found"),
        [
            ("high", 10, "score > 9", {"s"}),
            (True, 10, "score > 9", {"s"}),
            (10, "9", "score > 10", {"s"}),
            (1, 2.5, "score > 10", set()),
            (2.5, 10, "score > 9.5", {"s"}),
        ],
    )
    def test_replaced(self, before: str | int, after: str | int, where: str, found: set[str]) -> None:
        """What was replaced has no part in it."""
        with History() as history:
            for score in (before, after):
                history.add(*one_trace(1, "s", metadata={"score": score}))
                history.recount()
            assert found == {row[0] for row in history.select(Selection(where=where)).rows}

    def test_mixed(self) -> None:
        """Numbers beside texts are texts, whichever came first."""
        orders: list[list[str | int]] = [[9, "x"], ["x", 9]]
        for values in orders:
            with History() as history:
                for number, score in enumerate(values):
                    history.add(*one_trace(number, f"s{number}", metadata={"score": score}))
                rows = history.select(Selection(where="score > 10", columns=["score"])).rows
                assert {("9",), ("x",)} == set(rows)

    def test_odd_names(self) -> None:
        """Any name can be one, and values of any type."""
        names: dict[str, str | bool | int | float] = {"a~b/c": 1, "$.x": 2.5, "": True, "*": "x", 'q"\\': 4, "0": 5}
        with History() as history:
            history.add(*one_trace(1, "s", metadata=names))
            found = dict(history.rows("SELECT name, value_type FROM internal.labels"))
        numbers = {'q"\\': "UBIGINT", "0": "UBIGINT", "a~b/c": "UBIGINT", "$.x": "DOUBLE"}
        assert {**numbers, "": "BOOLEAN", "*": "VARCHAR"} == found

    def test_found_again(self) -> None:
        """What is noted row by row is what is found in all rows at once."""
        values: list[str | bool | int | float] = ["x", True, 7, -7, 2.5, 2**63 - 1, -(2**63) + 1]
        with History() as history:
            for number, value in enumerate(values):
                history.add(*one_trace(number, f"s{number}", metadata={f"m{number}": value}, dimensions={"tier": value}))
            noted = history.rows("SELECT * FROM internal.labels ORDER BY ALL")
            note_all_labels(history._writer())
            assert noted == history.rows("SELECT * FROM internal.labels ORDER BY ALL")


class TestCalls:
    """Calls have the user and the dimensions of their traces."""

    def test_same_as_traces(self, tmp_path: Path) -> None:
        """They are the same, also when a trace is replaced."""
        sql = (
            "SELECT count(*) FROM calls JOIN traces USING (trace_id) WHERE calls.user IS NOT DISTINCT FROM traces.user"
            " AND calls.dimensions IS NOT DISTINCT FROM traces.dimensions"
        )
        with kept(tmp_path / "h", many(30, 7), one_trace(5, "session-5", user="new", dimensions={"tier": "gold"})) as history:
            assert history.rows("SELECT count(*) FROM calls") == history.rows(sql)
            rows = history.select(Selection("call", where="tier = gold", columns=["user"])).rows
            assert [("new",)] * 2 == list(rows)

    def test_without_traces(self, tmp_path: Path) -> None:
        """No question about them reads traces."""
        with kept(tmp_path / "h", many(30, 7)) as history:
            wanted = Selection("call", where="user = ada and service.name = shop-0", group_by=["user", "tier"])
            expected = list(history.select(wanted).rows)
            history._writer().execute("DELETE FROM traces")
            assert expected
            assert expected == list(history.select(wanted).rows)


_NAMES = ("tier", "plan", "metadata.plan", "both", 'q"\\', "a~b/c", "", "nowhere")


Labelled = dict[str, str | bool | int | float]


def _sessions(number: int) -> Facts:
    labels: tuple[Labelled, ...] = ({"tier": "x", "both": 1}, {"tier": 2.5, 'q"\\': True}, {"a~b/c": "none", "": "empty"}, {})
    metadata: tuple[Labelled, ...] = ({"plan": "pro"}, {"both": 7}, {})
    return one_trace(number, f"s{number}", dimensions=labels[number % 4], metadata=metadata[number % 3])


def _tenant(number: int) -> Facts:
    return one_trace(number, f"s{number}", dimensions={"tenant": number // 100 if number < 200 else number})


class TestManyRows:
    """``Labels``."""

    @pytest.mark.parametrize("columns", [("dimensions", "metadata"), ("dimensions",)])
    @pytest.mark.parametrize("where", ["", " WHERE l0 = 'x'", " WHERE l3 = '7' OR l7 IS NULL", " WHERE l0 IS NULL"])
    def test_few_dimensions(self, columns: tuple[str, ...], where: str) -> None:
        """Labels are the same whether dimensions are read once for all rows that have them, or for each row."""
        wanted = {f"l{at}": (name, ColumnType.TEXT) for at, name in enumerate(_NAMES)}
        with History() as history:
            history.add(*joined(map(_sessions, range(24))))
            history.recount()
            each, few = (Labels("main.sessions", columns, has_few) for has_few in (False, True))
            head, tail = f"SELECT session, {', '.join(wanted)} FROM ", f"{where} ORDER BY 1"  # noqa: S608
            queries = [head + one.added_to("main.sessions", wanted) + tail for one in (each, few)]
            found = [history.rows(sql) for sql in queries]
        assert found[0] == found[1] != []

    def test_whether_there_are_few(self) -> None:
        """Dimensions are few when on average fifty rows have the same."""
        with History() as history:
            for first, expected in ((0, True), (100, True), (200, False)):
                history.add(*joined(_tenant(number) for number in range(first, first + 50)))
                history.recount()
                assert expected == labels_of(history.rows, "main.sessions", ("dimensions",)).has_few
