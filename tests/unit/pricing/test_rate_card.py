"""Rate cards: the times that they are valid for."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from otel_session_agg._pricing.rate_card import ALWAYS, Window

_NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
_NOON_NS = 1_780_315_200_000_000_000


class TestWindow:
    """``Window``."""

    @pytest.mark.parametrize(
        ("window", "moments"),
        [
            (Window(_NOON_NS, _NOON_NS + 1000), (_NOON, _NOON.replace(microsecond=1))),
            (Window(_NOON_NS, ALWAYS.until_ns), (_NOON, None)),
            (Window(ALWAYS.from_ns, _NOON_NS), (None, _NOON)),
            (ALWAYS, (None, None)),
            (Window(1 << 80, (1 << 80) + 1), (None, None)),
        ],
    )
    def test_moments(self, window: Window, moments: tuple[datetime | None, datetime | None]) -> None:
        """An edge is a moment, unless it is open or no moment that there can be."""
        assert moments == window.moments()
