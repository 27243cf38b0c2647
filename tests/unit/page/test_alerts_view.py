"""The view of alerts: what it shows, and what its buttons do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("dash")
from dash import no_update

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import read_rules
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.sources import Selection
from otel_session_agg._page import alerts
from otel_session_agg._page.alert_editing import edited
from otel_session_agg._page.alert_fired import previewed
from otel_session_agg._page.alert_form import DEFAULTS, FIELDS, MORE, defaults_of, rule_of, shown_for
from otel_session_agg._page.services import Services
from otel_session_agg._page.views import views
from otel_session_agg._views.address import State, parse
from tests.support.alerted import NOW, stored

_HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e=1+1"
_RULES = """
channels: {hook: {webhook: "http://localhost:1/undisclosed", secret: undisclosed}}
rules:
  dear: {session: cost > 0.10, notify: []}
  slow: {aggregate: p95(duration) > 20 s, by: user, notify: []}
"""
_STATE = State(view="alerts")


@pytest.fixture
def services() -> Iterator[Services]:
    """A page with rules of which two hold."""
    with SharedHistory() as history:
        history.add_sessions([stored(_HOSTILE, cost=1), stored("slow", seconds=40, user=_HOSTILE)])
        engine = AlertEngine(read_rules(_RULES), history.reading, clock=lambda: NOW)
        engine.start()
        assert engine.check()
        yield Services(history.reading, more={"alerts": engine})
        assert engine.close()
        deadline = time.monotonic() + 20
        thread = engine._thread.thread
        assert thread is not None
        thread.join(deadline - time.monotonic())


def _engine(services: Services) -> AlertEngine:
    engine: AlertEngine = services.more["alerts"]
    return engine


def _shown(component: Any) -> str:
    """As it is sent to the browser."""
    from dash._utils import to_json  # noqa: PLC0415 -- as Dash does

    return json.dumps(json.loads(str(to_json(component))))  # type: ignore[no-untyped-call]


def _links(component: Any) -> list[str]:
    """The addresses in it that lead to several sessions."""
    return [text for text in re.findall(r'"(/sessions[?][^"]*)"', _shown(component)) if "end_time" in text]


def _new(**values: Any) -> dict[str, Any]:
    return {"name": "mine", "kind": "session", "condition": "cost > 0.5", "notify": [], **values}


class TestShown:
    """What is on the page."""

    def test_rules_and_fired(self, services: Services) -> None:
        """Rules, states, and what fired with links; hostile ids are text, addresses and secrets are nowhere."""
        shown = _shown(alerts.VIEW.layout(_STATE, services))
        assert all(word in shown for word in ("2 triggered", "p95(duration) > 20 s", "cost 1 USD", "p95(duration) 40.0 s"))
        assert "undisclosed" not in shown
        assert "dangerously" not in shown
        assert "\\\\u202e" in shown
        assert "/session?id=%3Cscript%3E" in shown
        assert "localhost" not in shown

    def test_nothing(self, services: Services) -> None:
        """A server without rules says so."""
        shown = _shown(alerts.VIEW.layout(_STATE, Services(services.reader)))
        assert "This server checks no rules" in shown

    def test_segment(self, services: Services) -> None:
        """What fired for a segment leads to its sessions, in the time that was looked at."""
        shown = _shown(alerts.VIEW.layout(_STATE, services))
        assert "most of it: " in shown
        assert "/sessions?where=end_time+%3E%3D+" in shown
        assert "+and+user+%3D+%27%3Cscript%3E" in shown

    def test_sessions_that_were_counted(self) -> None:
        """The link of a segment leads to the sessions that the rule counted: by their end, of no other segment and no other time."""
        given = [
            stored("began-before", seconds=7200, ago=60, user=_HOSTILE),
            stored("at-its-begin", seconds=40, ago=3600, user=_HOSTILE),
            stored("ended-before", seconds=40, ago=3600.001, user=_HOSTILE),
            stored("ended-later", seconds=40, ago=-0.001, user=_HOSTILE),
            stored("of-nobody", seconds=30, ago=30),
            stored("quoted", seconds=30, ago=30, user="none"),
        ]
        rules = read_rules("rules: {slow: {aggregate: p95(duration) > 20 s, by: user, notify: []}}")
        with SharedHistory() as history:
            history.add_sessions(given)
            engine = AlertEngine(rules, history.reading, clock=lambda: NOW)
            engine.start()
            assert engine.check()
            engine.save("now", {"aggregate": "count() > 0", "over": "2 h", "notify": []})
            assert engine.check()
            fired = {(one["rule"], one["target"]): one for one in engine.fired()}
            engine.delete("now")
            rule = {"aggregate": "count() > 3", "over": "1 h"}
            tried = previewed(engine.preview(rule, days=0.1), rule, _STATE)
            page = Services(history.reading, more={"alerts": engine})
            links = dict.fromkeys(_links(alerts.VIEW.layout(_STATE, page)) + _links(tried))
            found = []
            for one in links:
                with history.reading() as reader:
                    selection = Selection(where=parse(urlsplit(one).path, urlsplit(one).query).where, columns=["session"])
                    found.append(sorted(str(row[0]) for row in reader.select(selection).rows))
            assert engine.close()
        assert {("slow", _HOSTILE), ("slow", "none"), ("slow", '"none"'), ("now", "")} == set(fired)
        hour = ["at-its-begin", "began-before", "of-nobody", "quoted"]
        assert sorted(
            [["at-its-begin", "began-before"], ["of-nobody"], ["quoted"], sorted([*hour, "ended-before"]), hour]
        ) == sorted(found)

    def test_about(self, services: Services) -> None:
        """A rule says over which time it looks, at how many sessions, and until when it is muted."""
        engine = _engine(services)
        engine.save("odd", {"anomaly": "cost", "by": "user", "notify": []})
        engine.mute("odd", 3600)
        shown = _shown(alerts.VIEW.layout(_STATE, services))
        assert (
            "all sessions, for each user, over 7 d, of at least 20 sessions, score above 3.5, that ended in the last 1 h" in shown
        )
        assert "until 20" in shown

    def test_selection(self) -> None:
        """The filter and the time of the header say nothing here, and so are not there."""
        assert {"alerts", "live"} == {name for name, view in views().items() if not view.is_selected}

    def test_csv(self, services: Services) -> None:
        """What fired, as a table."""
        assert alerts.VIEW.csv is not None
        with services.reader() as history:
            found = alerts.VIEW.csv(_STATE, history, services)
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        assert 2 == found.total
        assert {("dear", _HOSTILE), ("slow", _HOSTILE)} == {(row["rule"], row["target"]) for row in rows}


class TestDone:
    """What buttons do."""

    @pytest.mark.parametrize(
        ("action", "state"), [("pause", "paused"), ("resume", "triggered"), ("mute", "muted"), ("unmute", "triggered")]
    )
    def test_actions(self, services: Services, action: str, state: str) -> None:
        """Each changes the state of its rule, and says what it did."""
        assert alerts._act(_engine(services), action, "dear")
        assert state == next(rule["state"] for rule in _engine(services).rules() if rule["name"] == "dear")

    def test_new_rule(self, services: Services) -> None:
        """It is tried, and nothing is kept; then it is kept, and deleted."""
        engine = _engine(services)
        tried = alerts._tried(engine, _new(), _STATE)
        assert "It would have fired 1 time, with 1 notification." in _shown(tried)
        assert ["dear", "slow"] == [rule["name"] for rule in engine.rules()]
        assert "It would not have fired in these 7 days" in _shown(alerts._tried(engine, _new(condition="cost > 99"), _STATE))
        of_segments = alerts._tried(engine, _new(kind="aggregate", condition="p95(duration) > 1 s", by="user"), _STATE)
        assert '"user <script>' in _shown(of_segments)
        kept, _, _ = alerts._kept_so(engine, _new(), _STATE, None)
        assert "It is kept" in _shown(kept)
        assert ["dear", "mine", "slow"] == sorted(rule["name"] for rule in engine.rules())
        alerts._act(engine, "delete", "mine")
        assert ["dear", "slow"] == [rule["name"] for rule in engine.rules()]

    def test_undone(self, services: Services) -> None:
        """A deleted rule comes back as it was, by the button that is there then; no other does."""
        engine = _engine(services)
        rule = {"session": "cost > 0.5", "notify": [], "severity": "critical"}
        engine.save("mine", rule)
        shown, deleted = alerts._done(engine, "delete", "mine", None)
        assert ("Undo: mine" in _shown(shown), {"name": "mine", "definition": rule}) == (True, deleted)
        assert (no_update, no_update) == alerts._done(engine, "restore", "other", deleted)
        assert ["dear", "slow"] == [one["name"] for one in engine.rules()]
        _, deleted = alerts._done(engine, "restore", "mine", deleted)
        assert ([rule], None) == ([one["definition"] for one in engine.rules() if one["name"] == "mine"], deleted)

    @pytest.mark.parametrize(
        "rule",
        [
            {"session": "cost > 0.5", "where": "user = ada", "notify": [], "severity": "critical", "max_age": "2 h", "cooldown": "10 min"},
            {"aggregate": "p95(duration) > 1 s", "by": "user", "over": "1 h", "min_sessions": 3, "notify_resolved": True, "notify": ["hook"],
             "severity": "info"},
            {"anomaly": "cost", "over": "7 d", "threshold": 4.5, "notify": [], "severity": "warning"},
        ],
    )  # fmt: skip
    def test_changed(self, services: Services, rule: dict[str, Any]) -> None:
        """A rule comes into the form, and leaves it, as it was kept; it is changed by its name."""
        engine = _engine(services)
        engine.save("mine", rule)
        *values, before = edited(engine, "mine")
        assert "mine" == before
        fields = dict(zip(FIELDS, values, strict=True))
        alerts._kept_so(engine, fields, _STATE, before)
        assert rule == next(one["definition"] for one in engine.rules() if one["name"] == "mine")
        alerts._kept_so(engine, {**fields, "severity": "critical"}, _STATE, before)
        assert "critical" == next(one["severity"] for one in engine.rules() if one["name"] == "mine")
        engine.delete("mine")

    def test_renamed(self, services: Services) -> None:
        """An edited rule that gets another name has what it found, and there is no second one; a name that is taken is refused."""
        engine = _engine(services)
        engine.save("mine", {"session": "cost > 0.5", "notify": []})
        engine.save("taken", {"session": "cost > 9", "notify": []})
        assert engine.check()
        engine.mute("mine")
        [fired] = engine.fired(rule="mine")
        shown, _, before = alerts._kept_so(engine, _new(name="=ours", condition="cost > 0.6"), _STATE, "mine")
        assert ("its name was mine" in _shown(shown), None) == (True, before)
        assert engine.check()
        assert [] == engine.fired(rule="mine")
        assert [fired["id"]] == [one["id"] for one in engine.fired(rule="=ours")]
        [renamed] = [rule for rule in engine.rules() if rule["name"] not in {"dear", "slow", "taken"}]
        assert ("muted", "cost > 0.6", 1) == (renamed["state"], renamed["text"], renamed["fired"])
        for name, before, said in (("taken", "=ours", "there is another rule"), ("x", "mine", "was made on the page")):
            shown, now, _ = alerts._kept_so(engine, _new(name=name), _STATE, before)
            assert (said in _shown(shown), no_update) == (True, now)
        engine.delete("=ours")
        engine.save("again", {"session": "cost > 0.5", "notify": []})
        assert engine.check()
        engine.save("=ours", {"session": "cost > 0.5", "notify": []}, "again")
        assert 2 == len(engine.fired(rule="=ours"))

    def test_of_the_file(self, services: Services) -> None:
        """A rule of the file does not come into the form."""
        assert "Edit: dear" not in _shown(alerts.VIEW.layout(_STATE, services))
        assert {no_update} == set(edited(_engine(services), "dear"))

    def test_defaults(self) -> None:
        """Empty fields say what a rule of the kind has then."""
        found = [dict(zip(DEFAULTS, defaults_of(kind), strict=True)) for kind in ("session", "aggregate", "drift", "anomaly")]
        assert ["1 h", "1 d", "7 d"] == [one["over"] for one in found[1:]]
        assert ["no time", "same as Over", "same as Over", "no time"] == [one["cooldown"] for one in found]
        assert ["any number", "20", "20"] == [one["min_sessions"] for one in found[1:]]

    def test_of_another_kind(self) -> None:
        """What a kind has not is hidden, and no part of the rule."""
        assert ("over", True) in zip(MORE, shown_for("session")[1], strict=True)
        assert ("over", False) in zip(MORE, shown_for("drift")[1], strict=True)
        _, rule = rule_of(_new(over="1 h", threshold=4))
        assert {"session": "cost > 0.5", "notify": []} == rule

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            ({"condition": "cots > 1"}, "Condition: there is no column 'cots' (did you mean cost?)"),
            ({"condition": ""}, "Condition: there is no condition: write it as cost > 0.10"),
            ({"where": "user ada"}, "Only sessions with: 'user ada' is not understood"),
            ({"max_age": "soon"}, "Ended in the last: 'soon' is not a duration"),
            ({"name": "", "condition": "cost > 1"}, "a name has 1 to 100 characters"),
            ({"notify": ["elsewhere"]}, "Notify: there is no channel 'elsewhere'"),
            ({"kind": "webhook"}, "exactly one of the keys"),
        ],
    )
    def test_refused(self, services: Services, values: dict[str, Any], says: str) -> None:
        """What is wrong is said beside the form."""
        found, _, _ = alerts._kept_so(_engine(services), _new(**values), _STATE, None)
        assert says in json.loads(_shown(found))["props"]["children"][1]["props"]["children"]
