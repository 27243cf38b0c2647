"""The example of a rule file: it loads, each of its rules finds what its comment says, and notifications arrive."""

from __future__ import annotations

import re
from typing import Any

import pytest

from otel_session_agg import AlertRules
from otel_session_agg._alerts.rules_file import load_rules
from tests.support.alerted import history_of, hooked, recorded, stored
from tests.support.apps import DEADLINE_SECONDS
from tests.support.paths import EXAMPLES
from tests.support.programs import HAS_EXAMPLES

if not HAS_EXAMPLES:
    pytest.skip("the examples are not here", allow_module_level=True)

_FILE = EXAMPLES / "alerts.yaml"
_DAY, _HOUR = 86_400, 3600
_SERVICE = {"service.name": "checkout-bot"}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"^    \w+: \$(\w+)", _FILE.read_text("utf-8"), flags=re.MULTILINE):
        monkeypatch.setenv(name, "json://127.0.0.1:9" if "APPRISE" in name else "http://127.0.0.1:9/")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's plug-ins use what Python is going to remove
class TestExample:
    """``examples/alerts.yaml``."""

    def test_each_rule(self) -> None:
        """On sessions that break all of them, all fire; on usual ones none does."""
        usual: list[Any] = [stored(f"old{n}", ago=_DAY * 2.5, dimensions=_SERVICE) for n in range(5)]
        for day in (0, 1):
            usual += [
                stored(f"usual{day}-{n}", cost=0.010 + n / 10_000, ago=day * _DAY + n * 1700 + 60, dimensions=_SERVICE)
                for n in range(50)
            ]
        odd = [
            stored(f"odd{n}", cost=2, tokens=20_000, errors=4, seconds=200, ago=100 + n, dimensions=_SERVICE) for n in range(30)
        ]
        unpriced = stored("unpriced", cost=None, ago=200)
        quiet = [stored(f"busy{n}", ago=1.5 * _HOUR) for n in range(400)]
        rules = AlertRules(load_rules(_FILE))
        with history_of(*usual) as history:
            assert {0} == {found["would_fire"] for found in rules.preview(history, days=1).values()}
        with history_of(*usual, *odd, unpriced, *quiet) as history:
            assert set() == {name for name, found in rules.preview(history, days=1).items() if not found["would_fire"]}
        assert rules.close(DEADLINE_SECONDS)

    def test_delivered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A session that breaks one arrives at its channels, and nowhere else."""
        with hooked() as hook:
            for name in ("ALERT_WEBHOOK_URL", "ALERT_OTLP_URL"):
                monkeypatch.setenv(name, f"http://{hook.address}/{name}")
            monkeypatch.setenv("ALERT_APPRISE_URL", f"json://{hook.address}/ALERT_APPRISE_URL")
            rules = AlertRules.from_yaml(_FILE)
            rules(recorded(stored("dear", cost=1)))
            assert rules.close(DEADLINE_SECONDS)
        assert ["/ALERT_APPRISE_URL", "/ALERT_WEBHOOK_URL"] == sorted(request.path for request in hook.requests)
