"""Metrics in a real Prometheus, and the example's rules in its own checker; both are skipped where Prometheus is not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from otel_session_agg import PriceBook, session
from tests.support.apps import App, alone
from tests.support.paths import EXAMPLES
from tests.support.servers import free_port, wait_until

prometheus_client = pytest.importorskip("prometheus_client")
exporter = pytest.importorskip("opentelemetry.exporter.prometheus")

_RULES = EXAMPLES / "prometheus"
_CONFIG = """
global: {{scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 100ms}}
rule_files: ["{rules}"]
scrape_configs: [{{job_name: chat, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
_CENTS = PriceBook({"cheap": {"input": 5_000, "output": 0}, "dear": {"input": 20_000, "output": 0}})
"""Ten tokens cost 0.05 and 0.20 USD."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool") and _RULES.is_dir()), reason="no Prometheus, or no examples"
)


class Prometheus:
    """A server on loopback."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, path: str, **query: str) -> Any:
        """What its API answers; ``None`` while it does not."""
        try:
            with urlopen(f"{self._url}{path}?{urlencode(query)}", timeout=10) as answer:  # noqa: S310 -- loopback
                return json.load(answer)["data"]
        except OSError:
            return None

    def values(self, query: str, label: str = "job") -> dict[str | None, float]:
        """The values of an expression, by one of its labels."""
        rows = (self.get("query", query=query) or {}).get("result", ())
        return {row["metric"].get(label): float(row["value"][1]) for row in rows}

    def firing(self) -> list[str]:
        """The alerts that fire."""
        return [alert["labels"]["alertname"] for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"]


@contextmanager
def prometheus(folder: Path, target_port: int, rules: Path = _RULES / "session_cost.rules.yml") -> Iterator[Prometheus]:
    """A server that scrapes this port, with rules."""
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(rules=rules, port=target_port), "utf-8")
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, cwd=folder)  # noqa: S603
    try:
        yield Prometheus(port)
    finally:
        process.kill()
        process.wait()


@contextmanager
def exposed() -> Iterator[tuple[MeterProvider, int]]:
    """A meter provider and the port that shows its metrics."""
    registry = prometheus_client.CollectorRegistry()
    reader = exporter.PrometheusMetricReader()
    registry.register(reader._collector)
    port = free_port()
    server, thread = prometheus_client.start_http_server(port, "127.0.0.1", registry)
    provider = MeterProvider([reader], Resource({"service.name": "chat"}), shutdown_on_exit=False)
    try:
        yield provider, port
    finally:
        provider.shutdown()
        server.shutdown()
        server.server_close()
        thread.join()


class TestRules:
    """The example's rules."""

    @pytest.mark.parametrize(("what", "name"), [("check", "session_cost.rules.yml"), ("test", "session_cost.test.yml")])
    def test_promtool(self, what: str, name: str) -> None:
        """They are valid, and alert on what costs over 0.10 USD: from the first session on, and over restarts."""
        done = subprocess.run(["promtool", what, "rules", name], cwd=_RULES, capture_output=True, text=True, check=False)  # noqa: S603, S607
        assert (0, "") == (done.returncode, done.stdout + done.stderr if done.returncode else "")


class TestScraped:
    """What a server makes of the metrics."""

    def test_asked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """How many sessions cost more than 0.10 USD, per plan, the 95th percentile, and an alert."""
        with exposed() as (provider, port), alone(monkeypatch) as make, prometheus(tmp_path, port) as server:
            app = make(prices=_CENTS, more={"meter_provider": provider}, metric_attributes=("plan",))
            _sessions(app, {"free": ["cheap", "cheap"], "pro": ["cheap", "dear"]})
            over = (
                "sum by (metadata_plan) (otel_session_agg_session_cost_count)"
                ' - sum by (metadata_plan) (otel_session_agg_session_cost_bucket{le="0.1"})'
            )
            wait_until(lambda: server.values(over, "metadata_plan") == {"free": 0.0, "pro": 1.0})
            p95 = "histogram_quantile(0.95, sum by (le) (otel_session_agg_session_cost_bucket))"
            assert 0.1 < server.values(p95)[None] <= 0.25
            wait_until(lambda: server.firing() == ["SessionOverTenCents"])
            versions = server.values("max by (otel_scope_version) (otel_session_agg_session_cost_count)", "otel_scope_version")
            assert all(version and version[0].isdigit() for version in versions)


def _sessions(app: App, models_by_plan: dict[str, list[str]]) -> None:
    for plan, models in models_by_plan.items():
        for number, model in enumerate(models):
            with session(f"{plan}-{number}", metadata={"plan": plan}, end_on_exit=True):
                app.call(**{"gen_ai.request.model": model, "gen_ai.usage.output_tokens": 0})
    app.flush()
