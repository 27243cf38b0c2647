"""Names of the rows of breakdowns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import replay
from otel_session_agg._model.breakdown import NONE, OTHER
from otel_session_agg._model.row_names import name_of_row, row_name
from otel_session_agg.analysis._source import named_text, value_named
from tests.support.offline import stored_span
from tests.support.otlp_files import in_json

NAMES = st.text(min_size=1, max_size=100) | st.from_regex(r'"{0,3}(none|other)"{0,3}', fullmatch=True)


class TestRowName:
    @given(NAMES)
    def test_round_trip(self, name: str) -> None:
        """Every name is found again, is no other one's, and is that of charts and tables."""
        row = row_name(name)
        assert row not in {NONE, OTHER}
        assert (name, name) == (name_of_row(row), value_named(row))
        assert named_text(name) == row

    def test_no_name(self) -> None:
        """What has no name is in a row of its own, as what has no row is."""
        assert [None, None] == [name_of_row(NONE), name_of_row(OTHER)]


@pytest.mark.parametrize("name", [NONE, OTHER])
def test_of_spans(tmp_path: Path, name: str) -> None:
    """A model, agent or tool that is called as the row of no name is told from it, and is found."""
    tokens = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2}
    spans = [
        stored_span(1, attributes={"session.id": "s", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}),
        stored_span(2, 1, attributes={**tokens, "gen_ai.response.model": name}),
        stored_span(3, 1, attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}),
        stored_span(4, attributes={"session.id": "s"}, trace_id=2),
        stored_span(5, 4, attributes=tokens, trace_id=2),
    ]
    (tmp_path / "a.jsonl").write_bytes(in_json(spans))
    with replay(tmp_path) as sessions:
        for kind in ("model", "agent"):
            found = {row[kind]: row["calls"] for row in sessions.group_by(kind)}
            assert {f'"{name}"': 1, NONE: 1} == found
        [one] = sessions.columns("agents", "tools", "models")
        assert dict.fromkeys(("agents", "tools", "models"), (name,)) == one
        assert 1 == len(list(sessions.where(f"agents = {name} and tools = {name}").columns("session")))
