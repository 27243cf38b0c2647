"""What traces cost by other prices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from otel_session_agg import Sessions, diff, replay
from otel_session_agg._offline.options import Prices
from otel_session_agg._offline.rate_changes import RateChange
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_json

MINI = "gpt-4o-mini of openai"


def _traces() -> list[bytes]:
    """0.15 USD in chat-1, 0.15 computed and 2 recorded in chat-2, and a call whose price is not known."""
    rows = []
    for number, (session, model, more) in enumerate(
        [
            ("chat-1", "gpt-4o-mini", {}),
            ("chat-2", "gpt-4o-mini", {}),
            ("chat-2", "gpt-4o-mini", {"gen_ai.usage.cost": 2.0}),
            ("chat-2", "house", {}),
        ],
        1,
    ):
        root = stored_span(1, trace_id=number, at=number, attributes={"session.id": session, "user.id": "ada"})
        rows.append(in_json([root, call(2, 1, trace_id=number, model=model, tokens=(1_000_000, 0), attributes=more)]))
    return rows


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    """These traces."""
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"".join(_traces()))
    with replay(path) as found:
        yield found


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    """Closes what is opened."""
    with ExitStack() as stack:
        yield stack


class TestRepriced:
    """The same spans with other prices."""

    def test_prices(self, sessions: Sessions) -> None:
        """Sums are those of a replay with these prices; what was counted before stays."""
        prices: Prices = {"gpt-4o-mini": {"input": 0.10, "output": 1}, "house": {"input": 1, "output": 1}}
        with sessions.repriced(prices=prices) as new, sessions.repriced(recorded_cost="ignore") as computed:
            assert (Decimal("2.3"), Decimal("3.2"), Decimal("0.45")) == (sessions.cost_usd, new.cost_usd, computed.cost_usd)
            assert sessions.done.num_traces == new.done.num_traces == 4


class TestDiff:
    """Differences."""

    def test_prices(self, exits: ExitStack, sessions: Sessions) -> None:
        """A lower price, one that is known only now, and a recorded cost that no price changes."""
        with sessions.repriced(
            prices={"gpt-4o-mini": {"input": 0.10, "output": 0.60}, "house": {"input": 1, "output": 1}}
        ) as new:
            found = exits.enter_context(diff(sessions, new))
            assert [
                ("house", None, Decimal(1), Decimal(1), 1, 0),
                ("gpt-4o-mini", Decimal("2.3"), Decimal("2.2"), Decimal("-0.1"), 0, 0),
            ] == [
                tuple(row[n] for n in ("model", "cost_before", "cost_after", "difference", "unpriced_before", "unpriced_after"))
                for row in found.by_model
            ]
            assert [("price", 2, Decimal("-0.1")), ("priced_after", 1, Decimal(1)), (None, 1, Decimal(0))] == [
                (row["reason"], row["calls"], row["difference"]) for row in found.reasons
            ]
            assert Decimal("0.9") == found.total["difference"]
            assert [("chat-2", Decimal("0.95")), ("chat-1", Decimal("-0.05"))] == [
                (row["session"], row["difference"]) for row in found.by_session
            ]
            assert ["ada"] == [row["user"] for row in found.by_user]
            assert 4 == len(list(found))

    def test_rates(self, exits: ExitStack, sessions: Sessions) -> None:
        """Which rates of which entry differ, those of what differs most first."""
        with sessions.repriced(
            prices={"gpt-4o-mini": {"input": 0.10, "output": 0.60}, "house": {"input": 1, "output": 2}}
        ) as new:
            prices = exits.enter_context(diff(sessions, new)).prices
            assert ["house", "house", "gpt-4o-mini"] == [one.model for one in prices][:3]
            assert RateChange("gpt-4o-mini", "openai", "input", 0.15, 0.10, MINI, "your own prices") == prices[2]
            assert (None, 1.0, "your own prices") == (prices[0].before, prices[0].after, prices[0].source_after)

    def test_dates(self, exits: ExitStack, tmp_path: Path) -> None:
        """Prices of another time."""
        path = tmp_path / "o3.jsonl"
        path.write_bytes(in_json([stored_span(1), call(2, 1, model="o3", tokens=(1_000_000, 0))]))
        with replay(path) as now, now.repriced(price_date="2025-06-01") as then:
            found = exits.enter_context(diff(then, now))
            [row] = found.by_model
            assert (Decimal(10), Decimal(2), -80.0) == (row["cost_before"], row["cost_after"], row["percent"])
            assert ("input", 10.0, 2.0) == found.prices[0][2:5]

    def test_recorded(self, exits: ExitStack, sessions: Sessions) -> None:
        """Recorded against computed costs."""
        with sessions.repriced(recorded_cost="ignore") as computed:
            found = exits.enter_context(diff(sessions, computed))
            assert {"recorded": Decimal("-1.85"), "difference": Decimal("-1.85"), "price": 0}.items() <= found.total.items()
            assert [] == found.prices

    def test_traces(self, exits: ExitStack, sessions: Sessions, tmp_path: Path) -> None:
        """Other traces: what only one side has."""
        path = tmp_path / "others.jsonl"
        path.write_bytes(b"".join(_traces()[1:]))
        with replay(path) as others:
            total = exits.enter_context(diff(sessions, others)).total
        assert (4, 3, Decimal("-0.15"), Decimal("-0.15")) == tuple(
            total[name] for name in ("calls_before", "calls_after", "difference", "only_before")
        )

    def test_kept(self, exits: ExitStack, sessions: Sessions, tmp_path: Path) -> None:
        """A history that was kept, by its path; its prices are not known."""
        path = tmp_path / "kept.duckdb"
        replay(tmp_path / "traces.jsonl", prices={"gpt-4o-mini": {"input": 0.30, "output": 1}}, history=path).close()
        found = exits.enter_context(diff(sessions, path))
        assert (Decimal("0.3"), []) == (found.total["price"], found.prices)

    def test_pandas(self, exits: ExitStack, sessions: Sessions) -> None:
        """A frame."""
        pytest.importorskip("pandas")
        frame = exits.enter_context(diff(sessions, sessions)).to_pandas("session", "model")
        assert ["session", "model", "calls"] == list(frame.columns)[:3]
        assert 4 == frame["calls"].sum()
