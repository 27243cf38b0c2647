"""The document on the tables of a history says what these are declared as."""

from __future__ import annotations

import os
from collections.abc import Iterator

from otel_session_agg._history.tables import TABLES
from tests.support.paths import ROOT

_DOCUMENT = ROOT / "examples" / "history_tables.md"
_HEAD = """# Tables of a history

A history is a DuckDB file that `otel-session-agg replay --history FILE` writes. `otel-session-agg query --history FILE "SELECT ..."`
asks it, and DuckDB opens it as any of its files. `--parquet DIR` writes the same tables, a folder for each day.

Costs are exact decimals in USD, times are UTC, and durations are in milliseconds. `NULL` is what is not known: a cost of `NULL` is not 0.
What `dimensions` and `metadata` have is read as `dimensions->>'service.name'`; conditions of commands take `"service.name"` and `plan`
as columns, too.
"""


def _lines() -> Iterator[str]:
    """The document that the declarations make."""
    yield _HEAD
    for table in TABLES:
        yield f"## `{table.name}`\n\nA row is {table.meaning}.\n\n| Column | Type | Meaning |\n|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type.value.sql} | {column.meaning} |"
        yield ""


class TestDocument:
    """``examples/history_tables.md``."""

    def test_is_current(self) -> None:
        """It says what the declarations say; ``WRITE=1`` writes it."""
        text = "\n".join(_lines())
        if os.environ.get("WRITE"):
            _DOCUMENT.write_text(text, encoding="utf-8")
        assert text == _DOCUMENT.read_text(encoding="utf-8")
