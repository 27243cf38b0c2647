"""The notebook example in a real Jupyter kernel, cell by cell, its set-up cell more than once."""

from __future__ import annotations

import json
import subprocess

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import Receiver
from tests.support.environments import HAS_CHECKOUT, environment
from tests.support.paths import EXAMPLES, TESTS
from tests.support.programs import GPT_4O, GPT_4O_MINI, HAS_EXAMPLES, Ran, Usage, call_usage, traced, usage_of

if not (HAS_EXAMPLES and HAS_CHECKOUT):
    pytest.skip("the examples are not here", allow_module_level=True)

REQUIREMENTS = ("ipykernel>=7,<8", "nbclient>=0.10,<0.12")
TITLE, SET_UP, FIRST, SECOND, COSTS, END = range(6)
ORDER = (TITLE, SET_UP, FIRST, SET_UP, SET_UP, SECOND, COSTS, SET_UP, END)


class Notebook(Ran):
    """What the cells showed."""

    def shown(self, cell: int) -> list[str]:
        """Lines of a cell that was run once."""
        return list(json.loads(self.stdout)[ORDER.index(cell)]["stdout"].splitlines())


@pytest.fixture(scope="module")
def notebook() -> Notebook:
    """Run it."""
    python = environment("notebook", REQUIREMENTS, extras=["demo"])
    cells = TESTS / "support" / "notebook_cells.py"
    receiver = Receiver()
    with receiver.running() as url:
        done = subprocess.run(  # noqa: S603
            [str(python), str(cells), str(EXAMPLES / "notebook.py"), *map(str, ORDER)],
            env=traced(
                url, JUPYTER_PREFER_ENV_PATH="1", OTEL_BSP_SCHEDULE_DELAY="600000"
            ),  # the last cell flushes, nothing before
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
    assert 0 == done.returncode, done.stderr
    return Notebook(receiver.spans, done.stdout, done.stderr)


def usage_in(notebook: Notebook, model: str) -> list[Usage]:
    """What the calls of a model have used, in order."""
    return [call_usage(call.attributes) for call in notebook.calls if call.attributes["llm.model_name"] == model]


class TestNotebook:
    """All cells."""

    def test_calls_are_traced_once(self, notebook: Notebook) -> None:
        """Three calls, three spans, each a root of its own, although the set-up cell was run four times."""
        assert 3 == len(notebook.calls) == len(notebook.roots)
        assert f"the model server counted 3 calls, {sum(added(notebook)[:2])} tokens " in notebook.shown(END)[-1]
        assert notebook.shown(END)[-1].endswith("({} + {}, {} cached)".format(*added(notebook)))

    def test_no_cell_complains(self, notebook: Notebook) -> None:
        """Nothing was instrumented twice, no provider was overridden."""
        assert [""] * len(ORDER) == [cell["stderr"] for cell in json.loads(notebook.stdout)]

    def test_cells_show_totals_so_far(self, notebook: Notebook) -> None:
        """What is shown between the cells is exact at that moment, and goes on where it was after the set-up cell."""
        first, second = usage_in(notebook, "gpt-4o-mini")
        assert said(1, first, GPT_4O_MINI.cost_usd(first)) == notebook.shown(FIRST)[-1]
        both = Usage(*map(sum, zip(first, second, strict=True)))
        assert said(2, both, GPT_4O_MINI.cost_usd(both)) == notebook.shown(SECOND)[1]
        (large,) = usage_in(notebook, "gpt-4o")
        costs = {"try-mini": GPT_4O_MINI.cost_usd(both), "try-large": GPT_4O.cost_usd(large)}
        assert [f"{name} {cost} USD" for name, cost in costs.items()] == notebook.shown(COSTS)

    def test_records_are_exact(self, notebook: Notebook) -> None:
        """The session of several cells has one record with all of them; that of a single cell stands on its root."""
        (record,) = notebook.records
        (root,) = [root.attributes for root in notebook.roots if root.attributes[n.SESSION_ID] == "try-large"]
        assert added(notebook) == Usage(*map(sum, zip(usage_of(dict(record.attributes)), usage_of(dict(root)), strict=True)))
        names = (n.SESSION_ID, n.REVISION, n.NUM_MODEL_EVENTS)
        assert ("try-mini", 1, 2) == tuple(record.attributes[name] for name in names)


def added(notebook: Notebook) -> Usage:
    """What all calls have used."""
    return Usage(*map(sum, zip(*(call_usage(call.attributes) for call in notebook.calls), strict=True)))


def said(calls: int, usage: Usage, cost_usd: float) -> str:
    """How the notebook shows it."""
    return f"{calls} calls, {usage.prompt + usage.completion} tokens, {cost_usd} USD"
