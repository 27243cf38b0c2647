"""The address of a view."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._untrusted.values import MAX_TEXT_CHARS
from otel_session_agg._views.address import RANGES, State, parse
from otel_session_agg._views.calendar_ranges import CALENDAR

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)


class TestParse:
    """What an address says."""

    def test_all(self) -> None:
        """Every part is read."""
        state = parse("/sessions", "?where=cost+%3E+0.1&from=2026-11-16&to=2026-11-17T12:00Z&by=model&theme=dark&sort=-cost")
        assert "sessions" == state.view
        assert "cost > 0.1" == state.where
        assert (datetime(2026, 11, 16, tzinfo=timezone.utc), datetime(2026, 11, 17, 12, tzinfo=timezone.utc)) == state.times(NOW)
        assert ("model", "dark", {"sort": "-cost"}) == (state.by, state.theme, dict(state.more))

    @pytest.mark.parametrize("path", [None, "", "/", "//evil.example", "/../../etc/passwd", "/<script>", "/a/b", "/" + "a" * 99])
    def test_unknown_path(self, path: str | None) -> None:
        """What cannot be the name of a view is the overview."""
        assert "overview" == parse(path, None).view

    @pytest.mark.parametrize(
        "search",
        [
            "?from=yesterday",
            "?from=99999-01-01",
            "?to=never",
            "?theme=<script>",
            "?FROM=14d",
            "?from=",
            "?=x",
            "?" + "a=1&" * 9,
            "%",
            "?%",
        ],
    )
    def test_not_understood(self, search: str) -> None:
        """What is not of its form is left out."""
        state = parse("/overview", search)
        assert (None, None, None, None) == (state.since, state.until, state.theme, state.where)

    @pytest.mark.parametrize("character", ["x", "\U0001f600", "%", "&"])
    def test_longest(self, character: str) -> None:
        """Ids and names of any length that is counted are in it: no link leads to nothing."""
        longest = character * MAX_TEXT_CHARS
        more = {"id": longest, "a": longest, "b": longest}
        assert more == parse("/session", State("session", more=more).search()).more

    def test_range(self) -> None:
        """A range ends now, and has no end of its own."""
        state = parse("/overview", "?from=24h&to=2026-11-17")
        assert (NOW - timedelta(hours=24), None) == state.times(NOW)
        assert "?from=24h" == state.search()

    def test_bounds(self) -> None:
        """However much there is, little of it is taken."""
        state = parse("/overview", "?where=" + "x" * 10_500 + "&by=" + "y" * 2000 + "&id=" + "z" * (MAX_TEXT_CHARS + 1))
        assert (10_000, MAX_TEXT_CHARS, {}) == (len(state.where or ""), len(state.by or ""), dict(state.more))
        assert 40 >= len(parse("/overview", "?" + "&".join(f"n{number}=1" for number in range(500))).more)


class TestHref:
    """The address is written so that it is read as it was."""

    @given(
        st.builds(
            State,
            view=st.sampled_from(["overview", "sessions"]),
            where=st.none() | st.text(min_size=1, max_size=50).map(str.strip).filter(bool),
            since=st.none() | st.sampled_from([*RANGES, *CALENDAR, "all"]),
            until=st.none(),
            by=st.none() | st.text(min_size=1, max_size=50),
            theme=st.sampled_from([None, "light", "dark"]),
            more=st.dictionaries(st.sampled_from(["id", "sort", "metric"]), st.text(min_size=1, max_size=50)),
        )
    )
    def test_round_trip(self, state: State) -> None:
        """Whatever the values are, and nothing of them is more than a value."""
        path, _, search = state.href().partition("?")
        assert f"/{state.view}" == path
        assert not set(search) & set("<>\"' #?\\")
        assert state == parse(path, f"?{search}")

    def test_times(self) -> None:
        """Times are written as short as they are."""
        state = State(since="2026-11-16T00:00Z", until=datetime(2026, 11, 17, 12, 30, 1, 500_000, tzinfo=timezone.utc))
        assert "/overview?from=2026-11-16T00%3A00Z&to=2026-11-17T12%3A30%3A01.500Z" == state.href()
        assert state == parse("/overview", state.search())

    def test_other_view(self) -> None:
        """Another view shows the same sessions; what only one view knows stays there."""
        state = parse("/sessions", "?where=cost+>+1&sort=-cost")
        assert "/session?where=cost+%3E+1&id=%2Fa%26b" == state.going_to("session", id="/a&b").href()
        assert "/sessions?where=cost+%3E+1" == state.with_more(sort=None).href()
