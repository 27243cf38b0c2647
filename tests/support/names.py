"""What the recorded stacks state about tools, agents and first tokens; ``python -m tests.support.names`` writes it anew.

And how many calls each agent made.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from otel_session_agg._model.span import Kind
from tests.support.folding import Row, folded_rollup, rows
from tests.support.replay import CASES, cases_in

GOLDEN = CASES / "names.json"


def stated(path: Path) -> dict[str, Any]:
    """The names of tools, of agents and of the agents of calls in one recording; how many model calls state a first token."""
    told = [rows(case) for case in cases_in(path)]
    readings = [reading for case in told for _, reading in case]
    calls = [reading for reading in readings if reading.kind is Kind.MODEL]
    return {
        "tools": _names(reading.tool_name for reading in readings if reading.kind is Kind.TOOL),
        "agents": _names(reading.agent_name for reading in readings if reading.kind is Kind.AGENT),
        "agents of calls": _names(reading.agent_name for reading in calls),
        "calls by agent": _calls_by_agent(told),
        "first tokens": [sum(reading.first_token_ns is not None for reading in calls), len(calls)],
    }


def _calls_by_agent(told: list[list[Row]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for case in told:
        found.update({name: row.num_calls for name, row in folded_rollup(case).by_agent.items()})
    return dict(sorted(found.items()))


def _names(found: Any) -> list[str | None]:
    return sorted(set(found), key=lambda name: (name is None, name or ""))


def recorded() -> list[Path]:
    """All recordings of stacks."""
    return sorted((CASES / "recorded").glob("*.jsonl.gz"))


def name_of(path: Path) -> str:
    """The name of a recorded stack."""
    return path.name.removesuffix(".jsonl.gz")


def main() -> None:
    """Write the file anew."""
    lines = [f"{json.dumps(name_of(path))}: {json.dumps(stated(path))}" for path in recorded()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
