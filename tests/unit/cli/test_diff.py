"""The command ``diff``, and ``replay --recorded-cost compare``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType

import pytest

from otel_session_agg._cli import app, diff
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_json

EVIL = '=cmd()\x1b[31m\n"<script>'
Run = Callable[..., tuple[int, str, str]]


def _trace(number: int, session: str, model: str = "gpt-4o-mini", more: Mapping[str, object] = MappingProxyType({})) -> bytes:
    root = stored_span(1, trace_id=number, at=number, attributes={"session.id": session, "user.id": "ada"})
    return in_json([root, call(2, 1, trace_id=number, model=model, tokens=(1_000_000, 0), attributes=more)])


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """0.30 USD computed, 2 recorded, and a call whose model is hostile and has no price."""
    path = tmp_path / "traces.jsonl"
    recorded = _trace(3, "chat-2", more={"gen_ai.usage.cost": 2.0})
    path.write_bytes(b"".join([_trace(1, "chat-1"), _trace(2, "chat-2"), recorded, _trace(4, EVIL, EVIL)]))
    return path


@pytest.fixture
def offer(tmp_path: Path) -> Path:
    """Prices of an offer: a third of what it costs now."""
    path = tmp_path / "offer.json"
    path.write_text('{"gpt-4o-mini": {"input": 0.05, "output": 0.6}}')
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and what it printed."""

    def _run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            app._app()(list(map(str, arguments)), prog_name="otel-session-agg")
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return _run


class TestDiff:
    """``diff``."""

    def test_table(self, run: Run, traces: Path, offer: Path) -> None:
        """Costs by model with totals, reasons with theirs, and prices; nothing hostile reaches the terminal."""
        code, out, err = run("diff", traces, "--prices-after", offer)
        assert (0, "") == (code, err)
        lines = [line.split() for line in out.splitlines()]
        head = ["model", "calls", "cost_before", "cost_after", "difference", "percent", "unpriced_before", "unpriced_after"]
        assert [head, ["gpt-4o-mini", "3", "2.300000", "2.100000", "-0.200000", "-8.7%", "0", "0"]] == lines[:2]
        assert ["total", "4", "2.300000", "2.100000", "-0.200000", "-8.7%", "1", "1"] == lines[3]
        assert ["another", "price", "for", "the", "same", "tokens", "2", "-0.200000"] in lines
        assert "gpt-4o-mini  input       0.15    0.05   gpt-4o-mini of openai  your own prices" in out
        assert "\x1b" not in out

    def test_only_known(self, run: Run, traces: Path, offer: Path) -> None:
        """What does not apply is not in the table."""
        traces.write_bytes(_trace(1, "chat-1"))
        _, out, _ = run("diff", traces, "--prices-after", offer, "--by", "total")
        assert [
            ["calls", "cost_before", "cost_after", "difference", "percent"],
            ["1", "0.150000", "0.050000", "-0.100000", "-66.7%"],
        ] == [line.split() for line in out.splitlines()[:2]]

    def test_csv(self, run: Run, traces: Path, offer: Path) -> None:
        """CSV has all digits, reasons as columns, and no formula."""
        _, out, _ = run("diff", traces, "--prices-after", offer, "--by", "session,model", "--csv")
        rows = list(csv.DictReader(StringIO(out, newline="")))
        assert [("chat-1", "-0.1", "-0.1", "0"), ("chat-2", "-0.1", "-0.1", "0")] == [
            (row["session"], row["difference"], row["price"], row["tokens"]) for row in rows[:2]
        ]
        assert ("total", "-0.2") == (rows[-1]["session"], rows[-1]["difference"])
        assert not any(cell.startswith("=") for row in rows for cell in row.values())

    def test_json(self, run: Run, traces: Path, offer: Path) -> None:
        """JSON has groups, totals and prices."""
        code, out, _ = run(
            "diff", traces, "--prices-after", offer, "--by", "call", "--limit", "1", "--sort=-cost_before", "--json"
        )
        found = json.loads(out)
        [group] = found["groups"]
        assert (0, f"{3:032x}", None, 2.0) == (code, group["trace_id"], group["reason"], group["cost_after"])
        assert (-0.2, "input") == (found["total"]["difference"], found["prices"][0]["rate"])

    def test_two(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """Two sets of traces, one of them kept as tables."""
        kept = tmp_path / "kept.duckdb"
        other = tmp_path / "other.jsonl"
        other.write_bytes(_trace(1, "chat-1") + _trace(9, "chat-9"))
        assert 0 == run("replay", traces, "--history", kept)[0]
        code, out, _ = run("diff", kept, other, "--by", "total", "--json")
        total = json.loads(out)["total"]
        assert (0, -2.15, 0.15) == (code, total["only_before"], total["only_after"])
        assert 0 == run("diff", other, kept)[0]

    @pytest.mark.parametrize(("options", "difference"), [([], -0.2), (["--recorded-cost-before", "ignore"], 1.65)])
    def test_kept(self, run: Run, traces: Path, tmp_path: Path, offer: Path, options: list[str], difference: float) -> None:
        """What was kept is priced again, and compared with how it was priced, or with other prices."""
        kept = tmp_path / "kept.duckdb"
        assert 0 == run("replay", traces, "--history", kept)[0]
        code, out, _ = run("diff", kept, "--prices-after", offer, "--json", *options)
        assert (0, difference) == (code, json.loads(out)["total"]["difference"])

    def test_more_rows(self, run: Run, traces: Path, offer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A table that is cut says so."""
        monkeypatch.setattr(diff, "MAX_TABLE_ROWS", 3)
        assert "1 more rows: use --limit, --csv or --json\n" == run("diff", traces, "--prices-after", offer, "--by", "call")[2]


class TestCodes:
    """Exit codes."""

    def test_fail_over(self, run: Run, traces: Path, offer: Path) -> None:
        """A script can stop at a difference."""
        assert 0 == run("diff", traces, "--prices-before", offer, "--fail-over", "0.2")[0]
        code, _, err = run("diff", traces, "--prices-before", offer, "--fail-over", "0.199999999999")
        assert (4, "it costs 0.2 USD more after, more than 0.199999999999\n") == (code, err)
        assert 0 == run("diff", traces, "--prices-after", offer, "--fail-over", "0")[0]

    def test_unread(self, run: Run, traces: Path, offer: Path) -> None:
        """What could not be read is named once, and says so by the exit code."""
        with traces.open("ab") as file:
            file.write(b"{broken\n")
        code, out, err = run("diff", traces, "--prices-after", offer)
        assert (3, True, 1) == (code, "-0.200000" in out, err.count(f"{traces}, line 5: "))

    def test_unread_after(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """Also on the other side."""
        code, _, err = run("diff", traces, tmp_path / "missing.pb")
        assert (3, True) == (code, "missing.pb" in err)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "Both sides are the same"),
            (["--recorded-cost-after", "compare"], "--recorded-cost is keep or ignore"),
            (["--prices-after", "missing.json"], "the prices in missing.json cannot be read"),
            (["--price-date-before", "soon"], "'soon' is no date"),
            (["--price-date-after", "2026-01-01", "--by", "colour"], "use one of model, session"),
            (["--price-date-after", "2026-01-01", "--sort", "colour"], "use one of model, calls"),
            (["--fail-over", "much", "--recorded-cost-after", "ignore"], "'much' is no amount"),
            (["--csv", "--json"], "not both"),
        ],
    )
    def test_wrong(self, run: Run, traces: Path, options: list[str], message: str) -> None:
        """What is wrong is said in a line, and nothing is printed."""
        code, out, err = run("diff", traces, *options)
        assert (1, "", True) == (code, out, message in err)

    def test_interrupted(self, run: Run, traces: Path, offer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sides of which one is not complete are not compared."""

        def stop(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("otel_session_agg._offline.replay.Replay.count_again", stop)
        assert (130, "", "interrupted: nothing was compared\n") == run("diff", traces, "--prices-after", offer)


class TestCompare:
    """``replay --recorded-cost compare``."""

    def test_compare(self, run: Run, traces: Path) -> None:
        """Recorded against computed costs, by model or what is asked for."""
        code, out, _ = run("replay", traces, "--recorded-cost", "compare", "--json")
        groups = json.loads(out)["groups"]
        assert (0, ("gpt-4o-mini", 2.3, 0.45, -1.85)) == (
            code,
            tuple(groups[0][name] for name in ("model", "cost_before", "cost_after", "recorded")),
        )
        _, out, _ = run("replay", traces, "--recorded-cost", "compare", "--group-by", "session", "--limit", "1", "--csv")
        assert out.splitlines()[1].startswith("chat-2,2,2.15,0.3,-1.85,-86.0465,")

    @pytest.mark.parametrize(
        "option", ["--where=cost > 1", "--by=call", "--history=kept.duckdb", "--fail-over=1", "--columns=cost"]
    )
    def test_other_options(self, run: Run, traces: Path, option: str) -> None:
        """What it cannot do is refused."""
        code, _, err = run("replay", traces, "--recorded-cost", "compare", option)
        assert (1, True) == (code, "goes with" in err)
