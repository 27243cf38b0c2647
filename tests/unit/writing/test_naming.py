"""The names that settings choose, and what was set by hand."""

from __future__ import annotations

import pytest

from otel_session_agg import Settings
from otel_session_agg._writing.naming import Attributes, Naming

_WRITTEN: Attributes = {"duration": 5.0, "session.id": "s", "outputs": "o", "metadata.cost": 1.0, "user.id": "u"}


class TestNaming:
    """The default names."""

    @pytest.mark.parametrize(("name", "value"), [("duration", 7), ("duration", 0), ("session.id", "mine")])
    def test_kept(self, name: str, value: object) -> None:
        """Duration and session id stay when they were set by hand."""
        assert _WRITTEN.keys() - {name} == Naming(Settings()).named(dict(_WRITTEN), {name: value}).keys()

    def test_on_root(self) -> None:
        """Reserved names that were set by hand go; outputs and errors only when there are others."""
        existing = {"metadata.cost": 5, "metadata.total_tokens": 5, "outputs": "mine", "error": "mine", "other": 1}
        named, replaced = Naming(Settings()).on_root(dict(_WRITTEN), existing, is_call=False)
        assert (_WRITTEN, frozenset({"metadata.cost", "metadata.total_tokens", "outputs"})) == (named, replaced)
