"""Libraries that are installed on request only."""

from __future__ import annotations

import json

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._extras import needed


class TestNeeded:
    """``needed``."""

    def test_there(self) -> None:
        """A module that is installed is returned."""
        assert json is needed("json", "replay")

    def test_missing(self) -> None:
        """One that is not is named, with what installs it."""
        with pytest.raises(SessionAggError, match=r"no_such_library is missing: pip install 'otel-session-agg\[replay\]'"):
            needed("no_such_library.part", "replay")
