"""Dashboards and alert rules for Grafana and Prometheus: valid by the types of Grafana's SDK, and their queries on what is really written.

Grafana and Tempo are not run.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import set_span_in_context

from otel_session_agg import PriceBook, attributes, session
from tests.documents.test_backends import talk
from tests.documents.test_prometheus import exposed, prometheus
from tests.support.apps import App, alone
from tests.support.environments import HAS_CHECKOUT, environment, variables
from tests.support.paths import EXAMPLES, TESTS
from tests.support.servers import wait_until

_FOLDER = EXAMPLES / "grafana"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (_FOLDER.is_dir() and HAS_CHECKOUT), reason="the examples are not here"),
    pytest.mark.skipif(sys.version_info < (3, 11), reason="Grafana's SDK needs Python 3.11"),
]
_HAS_PROMETHEUS = bool(shutil.which("prometheus") and shutil.which("promtool"))
_NEEDED = ["grafana-foundation-sdk", "mypy>=1.15", "pyyaml>=6", "types-pyyaml>=6"]
_ROUND_TRIP = """
import json, pathlib, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import RuleGroup
from grafana_foundation_sdk.models.dashboard import Dashboard
for name in ("prometheus.json", "tempo.json", "alerts.json"):
    given = json.loads(pathlib.Path(sys.argv[1], name).read_text("utf-8"))
    read = (RuleGroup if name == "alerts.json" else Dashboard).from_json(given)
    assert given == json.loads(json.dumps(read, cls=JSONEncoder)), name
"""
_CENTS = PriceBook({"cheap": {"input": 5_000, "output": 0}, "dear": {"input": 20_000, "output": 0}})
"""Ten tokens cost 0.05 and 0.20 USD."""


def _python(*command: str) -> str:
    """What a program prints in the environment of the SDK."""
    python = environment("grafana", _NEEDED)
    done = subprocess.run(  # noqa: S603
        [str(python), *command], cwd=_FOLDER, env=variables(), capture_output=True, text=True, timeout=300, check=False
    )
    assert (0, "") == (done.returncode, done.stdout + done.stderr if done.returncode else "")
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the script makes."""
    folder = tmp_path_factory.mktemp("grafana")
    assert "wrote prometheus.json" in _python("dashboards.py", str(folder))
    return folder


@pytest.fixture(scope="module")
def panels() -> Iterator[Any]:
    """The table of panels."""
    spec = importlib.util.spec_from_file_location("grafana_panels", _FOLDER / "panels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _board(made: Path, name: str) -> Any:
    return json.loads((made / name).read_text("utf-8"))


class TestTypes:
    """By the types of the SDK."""

    def test_checked(self) -> None:
        """The script passes a strict type checker."""
        _python("-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null", "dashboards.py")

    def test_round_trip(self, made: Path) -> None:
        """The SDK reads what was written, and writes the same."""
        _python("-c", _ROUND_TRIP, str(made))

    def test_whole(self, made: Path, panels: Any) -> None:
        """Each panel of the table is in its dashboard, over the data source that is chosen there."""
        for name, charts in (("prometheus", panels.PROMETHEUS), ("tempo", panels.TEMPO), ("clickhouse", panels.CLICKHOUSE)):
            board = _board(made, f"{name}.json")
            assert [chart.title for chart in charts] == [panel["title"] for panel in board["panels"]]
            assert {"${source}"} == {panel["datasource"]["uid"] for panel in board["panels"]}
            assert [len(chart.series) for chart in charts] == [len(panel["targets"]) for panel in board["panels"]]
        rules = _board(made, "alerts.json")["rules"]
        assert [alert.name for alert in panels.ALERTS] == [rule["title"] for rule in rules]
        assert [alert.expression for alert in panels.ALERTS] == [rule["data"][0]["model"]["expr"] for rule in rules]


class TestTempo:
    """TraceQL, which nothing here runs."""

    def test_names(self, panels: Any) -> None:
        """Attributes that it names are written."""
        text = " ".join(series.query for chart in panels.TEMPO for series in chart.series)
        named = set(re.findall(r"span\.([\w.]+)", text))
        assert {attributes.COST, attributes.ROLLUP} < named
        assert set() == named - (attributes.RESERVED | attributes.KEPT_WHEN_SET)


class TestClickHouse:
    """SQL on a real ClickHouse, in the table of the collector."""

    def test_asked(self, make: Any, panels: Any) -> None:
        """Each query finds what was written; a call without a price has no cost, and is counted."""
        app = make(prices=PriceBook({"m": {"input": 6_000, "output": 0}}))
        talk(app, {"one": 1, "two": 2, "three": 3})
        app.trace(1)
        with app.tracer.start_as_current_span("request"):
            app.call(**{"gen_ai.request.model": "unknown"})
        app.flush()
        spans = list(app.exporter.spans)
        queries = [
            re.sub(r"\$__timeInterval\(Timestamp\)", "toStartOfHour(Timestamp)", series.query).replace(
                "$__timeFilter(Timestamp)", "Timestamp > now() - INTERVAL 1 DAY"
            )
            for chart in panels.CLICKHOUSE
            for series in chart.series
        ]
        rows = [_row(span) for span in spans]
        asked = json.dumps({"rows": [*rows, *rows[:5]], "queries": queries})
        done = subprocess.run(  # noqa: S603
            [str(environment("clickhouse", ["chdb>=3"])), str(TESTS / "support" / "clickhouse_queries.py")],
            input=asked, env=variables(), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
        costs, durations, models, sessions = json.loads(done.stdout)
        assert pytest.approx(7 * 0.06) == sum(row["cost"] for row in costs)
        assert [("m", pytest.approx(7 * 0.06), 7, 0), ("unknown", None, 1, 1)] == [
            (row["model"], row["cost"], int(row["calls"]), int(row["unpriced"])) for row in models
        ]
        assert all(row["p50"] <= row["p95"] for row in durations)
        assert [("three", pytest.approx(0.18), 3), ("two", pytest.approx(0.12), 2)] == [
            (row["session"], row["cost"], int(row["traces"])) for row in sessions
        ]


def _row(span: Any) -> tuple[str, str, str, str, dict[str, str]]:
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in (span.attributes or {}).items()}
    parent = f"{span.parent.span_id:016x}" if span.parent is not None else ""
    return span.name, f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent, values


@pytest.mark.skipif(not _HAS_PROMETHEUS, reason="no Prometheus")
class TestPrometheus:
    """Queries and alerts in a real Prometheus."""

    def test_rules(self, made: Path) -> None:
        """They are valid; a day that is dearer than the one before fires, and one that is not does not."""
        assert "4 rules found" in _promtool("check", made / "session_agg.rules.yml")
        (made / "session_agg.test.yml").write_text(_TEST, "utf-8")
        assert "SUCCESS" in _promtool("test", made / "session_agg.test.yml")

    def test_fired(self, made: Path, panels: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Each query of the dashboard finds something, and slow, expensive and unpriced sessions fire."""
        rules = made / "session_agg.rules.yml"
        with exposed() as (provider, port), alone(monkeypatch) as make, prometheus(tmp_path, port, rules) as server:
            app = make(prices=_CENTS, more={"meter_provider": provider}, metric_attributes=("gen_ai.response.model",))
            count = "sum(otel_session_agg_session_duration_seconds_count)"
            _sessions(app, "first", 1)
            wait_until(lambda: server.values(count) == {None: 1.0})
            assert [] == server.firing()
            _sessions(app, "more", 40)
            wait_until(lambda: server.values(count) == {None: 41.0})
            wait_until(lambda: set(server.firing()) == {"SlowSessions", "ExpensiveSessions", "UnpricedCalls"}, seconds=60)
            for chart in panels.PROMETHEUS:
                for series in chart.series:
                    query = series.query.replace("$__rate_interval", "1h")
                    found = server.values(query, "gen_ai_response_model" if "models" in query else "job")
                    assert found, (chart.title, query)
                    assert all(value >= 0 for value in found.values()), (chart.title, found)


def _promtool(what: str, path: Path) -> str:
    done = subprocess.run(["promtool", what, "rules", path.name], cwd=path.parent, capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert (0, "") == (done.returncode, done.stdout + done.stderr if done.returncode else "")
    return done.stdout


def _sessions(app: App, prefix: str, number: int) -> None:
    """Half a minute each; half of them dear, one call in each without a price."""
    for at in range(number):
        with session(f"{prefix}-{at}", end_on_exit=True):
            root = app.tracer.start_span("root", start_time=10**18)
            context = set_span_in_context(root)
            for model in ("dear" if at % 2 else "cheap", "unknown"):
                call = app.tracer.start_span("chat", context, start_time=10**18)
                call.set_attributes(
                    {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, "gen_ai.response.model": model}
                )
                call.set_attributes({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 0})
                call.end(10**18 + 29 * 10**9)
            root.end(10**18 + 30 * 10**9)
    app.flush()


_TEST = """
rule_files: [session_agg.rules.yml]
evaluation_interval: 1m
tests:
  - name: a session costs twice as much as the day before
    interval: 1h
    input_series:
      - {series: 'otel_session_agg_session_cost_sum{job="chat"}', values: "0+1x24 26+2x24"}
      - {series: 'otel_session_agg_session_cost_count{job="chat"}', values: "0+10x48"}
    alert_rule_test:
      - {eval_time: 24h, alertname: DearerThanYesterday}
      - eval_time: 48h
        alertname: DearerThanYesterday
        exp_alerts:
          - exp_labels: {severity: warning, job: chat}
            exp_annotations: {summary: a session of chat costs on average over 30 % more than the day before}
  - name: it costs as much as the day before
    interval: 1h
    input_series:
      - {series: 'otel_session_agg_session_cost_sum{job="chat"}', values: "0+1x48"}
      - {series: 'otel_session_agg_session_cost_count{job="chat"}', values: "0+10x48"}
    alert_rule_test:
      - {eval_time: 48h, alertname: DearerThanYesterday}
"""
