"""Tables of spans in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from otel_session_agg import explain
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._otlp.tables import batches_of_table, is_table
from tests.support.exports import EXPORTS, read, read_as, spans_in
from tests.support.otlp import Problems

_LIBRARIES: dict[str, Callable[[str], Any]] = {
    "pandas": lambda name: pd.read_parquet(EXPORTS[name]),
    "pandas and Arrow": lambda name: pd.read_parquet(EXPORTS[name], dtype_backend="pyarrow"),
    "polars": lambda name: pl.read_parquet(EXPORTS[name]),
    "pyarrow": lambda name: pq.read_table(EXPORTS[name]),
    "pyarrow, a batch": lambda name: pq.read_table(EXPORTS[name]).combine_chunks().to_batches()[0],
}
_FIELDS = {"trace_id": "a5", "span_id": "5a", "start_time": 1_772_366_400, "name": "chat"}


def found_in(table: Any, problems: Problems | None = None) -> Any:
    """The spans in a table."""
    told = Problems() if problems is None else problems
    found = spans_in(list(batches_of_table(table, told)))
    assert problems is not None or [] == told
    return found


class TestBatchesOfTable:
    """The same spans as from a file."""

    @pytest.mark.parametrize("library", _LIBRARIES)
    def test_exact(self, library: str) -> None:
        """To the nanosecond, with all attributes."""
        table = _LIBRARIES[library]("clickhouse.parquet")
        assert is_table(table)
        assert spans_in(read(EXPORTS["clickhouse.jsonl"])) == found_in(table)

    @pytest.mark.parametrize("library", _LIBRARIES)
    def test_nested(self, library: str) -> None:
        """So are objects and lists in cells."""
        assert spans_in(read(EXPORTS["phoenix.parquet"])) == found_in(_LIBRARIES[library]("phoenix.parquet"))

    def test_index(self) -> None:
        """The ids may be in the index of a table of pandas."""
        table = pd.read_parquet(EXPORTS["phoenix.parquet"])
        indexed = table.drop(columns="context.span_id").set_index(table["context.span_id"])
        assert found_in(table) == found_in(indexed) == found_in(table.rename_axis("context.span_id"))

    @pytest.mark.parametrize("left_out", [[], ["trace"]])
    def test_traces_of_mlflow(self, left_out: list[str]) -> None:
        """A row may be a trace, as in what MLflow's ``search_traces`` returns; its CSV is read, too."""
        path = EXPORTS["mlflow.jsonl"]
        traces = [(line, json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [
            {"trace": line, "trace_metadata": trace["info"]["trace_metadata"], "tags": trace["info"]["tags"], **trace["data"]}
            for line, trace in traces
        ]
        table = pd.DataFrame(rows).drop(columns=left_out)
        assert spans_in(read(path)) == found_in(table) == spans_in(read_as("csv", table.to_csv(index=False).encode()))

    @pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist])
    def test_amounts(self, make: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Amounts of money may be decimals."""
        attributes = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 5, "llm.cost.total": Decimal("0.000225")}
        table = make([{**_FIELDS, **{f"attributes.{name}": value for name, value in attributes.items()}}])
        assert 225_000_000 == explain(found_in(table)).rollup.cost_pusd

    @pytest.mark.parametrize("nothing", [None, np.nan, pd.NaT, pd.NA])
    def test_missing(self, nothing: object) -> None:
        """What a table does not have is not there, however pandas writes that."""
        columns = {**_FIELDS, "parent_id": nothing, "attributes.a": nothing, "attributes.b": np.array(["x"])}
        (span,) = found_in(pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in columns.items()}))
        assert (None, {"b": ["x"]}) == (span.parent_id, span.attributes)

    def test_many(self) -> None:
        """A table of more rows than are converted at a time."""
        rows = [{**_FIELDS, "span_id": f"{number:x}"} for number in range(1, 2502)]
        for make in (pd.DataFrame, pl.DataFrame, pa.Table.from_pylist):
            assert list(range(1, 2502)) == [span.span_id for span in found_in(make(rows))]

    def test_wrong_row(self) -> None:
        """A row without an id is reported, and the others are read."""
        problems = Problems()
        found = found_in(pd.DataFrame([_FIELDS, {**_FIELDS, "span_id": None}, _FIELDS]), problems)
        assert (2, [("row 2", "no valid span id")]) == (len(found), problems)

    def test_empty(self) -> None:
        """A table without rows has no spans."""
        assert [] == found_in(pd.DataFrame())

    def test_refused(self) -> None:
        """Other columns, and what is no table."""
        assert not any(map(is_table, [[], {}, "a.parquet", None, pd.Series([1])]))
        with pytest.raises(SessionAggError, match="has no columns of spans"):
            found_in(pd.DataFrame({"a": [1]}))
        with pytest.raises(SessionAggError, match="list is no table"):
            found_in([])
