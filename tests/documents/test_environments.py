"""The environments that other tests run programs in."""

from __future__ import annotations

import pytest

from tests.support.environments import HAS_CHECKOUT, environment, variables

if not HAS_CHECKOUT:
    pytest.skip("the source is not here", allow_module_level=True)


class TestEnvironment:
    def test_says_why_it_cannot_be_made(self) -> None:
        """A requirement that cannot be installed is an error with what the installer says, each time."""
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"(?s)the environment 'broken' could not be made: .*!!"):
                environment("broken", ["!!"])


class TestVariables:
    def test_programs_do_not_see_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What would change a program under test is left out, unless the test itself gives it."""
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        monkeypatch.setenv("OPENAI_BASE_URL", "http://somewhere")
        monkeypatch.setenv("PYTHONPATH", "somewhere")
        monkeypatch.setenv("SOMETHING_ELSE", "kept")
        found = variables(OTEL_SERVICE_NAME="given")
        assert {"OTEL_SERVICE_NAME"} == {name for name in found if name.startswith(("OTEL_", "OPENAI_", "PYTHONPATH"))}
        assert "kept" == found["SOMETHING_ELSE"]
