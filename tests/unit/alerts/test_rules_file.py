"""Rule files: what is read, and the errors for what is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from otel_session_agg import SettingsError
from otel_session_agg._alerts.rules_file import load_rules, read_rules

_FILE = """
channels:
  team: {apprise: $TEAM_CHAT_URL}
  hook: {webhook: "https://example.org/alerts?x=1", secret: whsec_c2VjcmV0}
  logs: {otlp: "http://localhost:4318", headers: {Authorization: $TEAM_TOKEN}}
rules:
  expensive session: {session: cost > 0.10, severity: critical, notify: hook, max_age: 2 h, cooldown: 5 min}
  slow hour:
    aggregate: p95(duration) > 20 s
    by: service.name
    min_sessions: 20
    notify_resolved: true
    where: state = ended
  dearer: {drift: avg(cost) > +30 %, over: 7 d, by: metadata.plan, notify: []}
  odd cost: {anomaly: cost, by: user.id, threshold: 5}
"""


class TestRead:
    """A file that is right."""

    def test_everything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """All kinds with their defaults; addresses and secrets come from the environment, and are never shown."""
        monkeypatch.setenv("TEAM_CHAT_URL", "slack://TokenA/TokenB/TokenC")
        monkeypatch.setenv("TEAM_TOKEN", "Bearer hidden")
        (tmp_path / "alerts.yaml").write_text(_FILE, "utf-8")
        found = load_rules(tmp_path / "alerts.yaml")
        session, slow, dearer, odd = found.rules.values()
        assert ("session", "critical", ("hook",), 7200.0, 300.0) == (
            session.kind, session.severity, session.notify, session.max_age_seconds, session.cooldown_seconds,
        )  # fmt: skip
        assert slow.limit is not None
        assert dearer.limit is not None
        assert (3600.0, 3600.0, Decimal(20_000), 20, True) == (
            slow.over_seconds, slow.cooldown_seconds, slow.limit.value, slow.min_sessions, slow.notifies_end,
        )  # fmt: skip
        assert ("avg(cost)", ">", Decimal(30), 20, ()) == (
            dearer.limit.figure.text, dearer.limit.operator, dearer.limit.value, dearer.min_sessions, dearer.notify,
        )  # fmt: skip
        assert ("cost", "user", 5.0, 604_800.0, ("team", "hook", "logs")) == (
            odd.column, odd.by, odd.threshold, odd.over_seconds, odd.notify,
        )  # fmt: skip
        assert {"Authorization": "Bearer hidden"} == found.channels["logs"].headers
        assert "slack://TokenA/TokenB/TokenC" == found.channels["team"].url
        assert not any(word in repr(found) for word in ("TokenA", "hidden", "c2Vj", "example.org"))


class TestErrors:
    """Files that are wrong."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "the file has the keys rules and channels"),
            ("- a", "the file has the keys rules and channels"),
            ("rule: {}", "the file has the keys rules and channels"),
            ("rules: [1]", "rules is a mapping"),
            ("rules: {a: }", "rule 'a': a rule has exactly one of the keys session, aggregate, drift, anomaly"),
            ("rules: {a: {session: cost > 1, anomaly: cost}}", "rule 'a': a rule has exactly one of"),
            (
                "rules: {a: {session: cots > 1}}",
                "rule 'a': key 'session': there is no column 'cots' (did you mean cost?): use one of",
            ),
            ("rules: {a: {session: cost > 1, over: 1 h}}", "rule 'a': key 'over': a rule of kind session has session, where,"),
            ("rules: {a: {aggregate: p96(cost) > 1}}", "there is no figure 'p96': use one of sum, avg"),
            ("rules: {a: {aggregate: p95(user) > 1}}", "there is no column 'user'"),
            ("rules: {a: {aggregate: p95(duration) > 20}}", "key 'aggregate': '20' is not a duration"),
            ("rules: {a: {aggregate: cost > 1}}", "write it as p95(duration) > 20 s"),
            ("rules: {a: {aggregate: share(cost) > 1 %}}", "'cost' is not understood"),
            ("rules: {a: {aggregate: share(errors > 0) > 1}}", "'1' is not a share in percent"),
            ("rules: {a: {drift: avg(cost) > 30}}", "key 'drift': '30' is not a share in percent"),
            ("rules: {a: {anomaly: user}}", "key 'anomaly': there is no column 'user'"),
            ("rules: {a: {anomaly: cost, by: model}}", "key 'by': sessions cannot be divided by 'model'"),
            ("rules: {a: {anomaly: cost, over: 0 s}}", "key 'over': '0 s' is shorter than a second"),
            ("rules: {a: {anomaly: cost, over: 400 d}}", "of at most 366 d"),
            ("rules: {a: {anomaly: cost, min_sessions: true}}", "key 'min_sessions': 'True' is no whole number"),
            ("rules: {a: {anomaly: cost, threshold: 0}}", "key 'threshold': '0' is no number from 1"),
            ("rules: {a: {session: cost > 1, severity: bad}}", "key 'severity': 'bad' is none of info, warning, critical"),
            ("rules: {a: {session: cost > 1, notify: x}}", "key 'notify': there is no channel 'x', only none"),
            ("rules: {a: {session: cost > 1, notify: {}}}", "key 'notify': a list of names of channels"),
            ("rules: {a: {session: cost > 1, cooldown: soon}}", "key 'cooldown': 'soon' is not a duration"),
            ("rules: {a: {drift: count() < -50 %, notify_resolved: 1}}", "key 'notify_resolved': '1' is neither true nor false"),
            ("rules: {a: {session: cost > 1}, a: {session: cost > 2}}", "the key 'a' is there twice"),
            ("rules: {a: {session: cost > 1, session: cost > 2}}", "the key 'session' is there twice"),
            ("rules: {a: &x {session: cost > 1}, b: *x}", "aliases (*name) are not allowed"),
            ("rules: {1: {}}", "the key '1' is no text"),
            ('rules: {"\\e[2J": {session: cost > 1}}', "a name has 1 to 100 characters that can be printed"),
            ("rules: !!python/object/apply:os.system [ls]", "is not understood as YAML"),
            ("[" * 5000, "is not understood as YAML"),
            ("channels: {a: {}}", "channel 'a': a channel has exactly one of the keys webhook, apprise, otlp"),
            ("channels: {a: {webhook: file:///etc/passwd}}", "key 'webhook' is a URL such as https://"),
            ("channels: {a: {webhook: 'http://u:hidden@h/'}}", "key 'webhook': a user in the URL is not sent"),
            ('channels: {a: {webhook: "http://h/hidden\\r\\nX: y"}}', "key 'webhook' is a URL such as https://"),
            ("channels: {a: {webhook: 'http://h:x/hidden'}}", "key 'webhook' is a URL such as https://"),
            ("channels: {a: {webhook: $NOT_SET_AT_ALL}}", "the environment variable 'NOT_SET_AT_ALL' is not set"),
            ("channels: {a: {otlp: 'http://h', headers: {'a b': hidden}}}", "that no header can have"),
            ("channels: {a: {otlp: 'http://h', headers: [hidden]}}", "key 'headers' is a mapping"),
            ("channels: {a: {apprise: 'x://hidden', secret: y}}", "key 'secret': a channel of this kind has apprise"),
        ],
    )
    def test_refused(self, text: str, says: str) -> None:
        """The error names file, rule and key, and what is allowed; never an address or a secret."""
        with pytest.raises(SettingsError) as raised:
            read_rules(text, "alerts.yaml")
        assert str(raised.value).startswith("alerts.yaml")
        assert says in str(raised.value)
        assert "hidden" not in str(raised.value)
        assert str(raised.value).isprintable()

    def test_no_file(self, tmp_path: Path) -> None:
        """Nor is a file that cannot be read, or is too large."""
        with pytest.raises(SettingsError, match="cannot be read: No such file"):
            load_rules(tmp_path / "none.yaml")
        (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
        with pytest.raises(SettingsError, match="larger than 1 MB"):
            load_rules(tmp_path / "large.yaml")
