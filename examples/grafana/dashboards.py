"""Make dashboards and alert rules for Grafana and Prometheus with Grafana's foundation SDK.

    pip install grafana-foundation-sdk pyyaml
    python dashboards.py FOLDER

It writes prometheus.json, tempo.json and clickhouse.json to import as dashboards, alerts.json for
Grafana's API of provisioned alerts, and session_agg.rules.yml: the same alerts for Prometheus.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from grafana_foundation_sdk.builders import (
    alerting,
    dashboard,
    expr,
    prometheus,
    table,
    tempo,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import alerting as alerting_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from panels import ALERTS, CLICKHOUSE, PROMETHEUS, TEMPO, Alert, Chart, Series

DATASOURCE_UID = "prometheus"
"""Of the data source that alert rules ask; dashboards ask the one that is chosen in them."""

_HOUR = 3600
_WIDTH, _HEIGHT = 12, 8


class ClickHouseQuery(Dataquery):
    """A query of the plug-in grafana-clickhouse-datasource, for which the SDK has no type."""

    def __init__(self, ref_id: str, sql: str, *, is_table: bool) -> None:
        self.ref_id, self.sql, self.is_table = ref_id, sql, is_table

    def to_json(self) -> dict[str, object]:
        """As the plug-in reads it."""
        kind = "table" if self.is_table else "timeseries"
        return {
            "refId": self.ref_id,
            "editorType": "sql",
            "rawSql": self.sql,
            "format": int(self.is_table),
            "queryType": kind,
        }


class ClickHouseTarget(Builder[Dataquery]):
    """Builds one."""

    def __init__(self, ref_id: str, sql: str, *, is_table: bool) -> None:
        self._query = ClickHouseQuery(ref_id, sql, is_table=is_table)

    def build(self) -> Dataquery:
        """Return it."""
        return self._query


def prometheus_target(ref_id: str, series: Series, _: Chart) -> Builder[Dataquery]:
    """A query in PromQL."""
    return (
        prometheus.Dataquery()
        .ref_id(ref_id)
        .expr(series.query)
        .legend_format(series.legend)
        .range()
    )


def tempo_target(ref_id: str, series: Series, _: Chart) -> Builder[Dataquery]:
    """A query in TraceQL."""
    return tempo.TempoQuery().ref_id(ref_id).query_type("traceql").query(series.query).limit(100)


def clickhouse_target(ref_id: str, series: Series, chart: Chart) -> Builder[Dataquery]:
    """A query in SQL."""
    return ClickHouseTarget(ref_id, series.query, is_table=chart.is_table)


Target = Callable[[str, Series, Chart], Builder[Dataquery]]


def panel(chart: Chart, plugin: str, target: Target) -> Builder[models.Panel]:
    """A chart over time, or a table."""
    made: table.Panel | timeseries.Panel = table.Panel() if chart.is_table else timeseries.Panel()
    made = made.title(chart.title).unit(chart.unit).span(_WIDTH).height(_HEIGHT)
    made = made.datasource(models.DataSourceRef(plugin, "${source}"))
    if chart.about:
        made = made.description(chart.about)
    for number, series in enumerate(chart.series):
        made = made.with_target(target(chr(ord("A") + number), series, chart))
    return made


def board(
    title: str, uid: str, plugin: str, charts: tuple[Chart, ...], target: Target
) -> models.Dashboard:
    """A dashboard over one data source, which is chosen at its head."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["llm", "opentelemetry"])
        .refresh("1m")
        .time("now-24h", "now")
    )
    made = made.timezone("utc").editable()
    made = made.with_variable(
        dashboard.DatasourceVariable("source").label("Data source").type(plugin)
    )
    for chart in charts:
        made = made.with_panel(panel(chart, plugin, target))
    return made.build()


# -- alerts ----------------------------------------------------------------------------------------


def grafana_rule(alert: Alert) -> alerting.Rule:
    """The figure as query A, and the limit as expression B."""
    figure = (
        prometheus.Dataquery()
        .ref_id("A")
        .expr(alert.expression)
        .instant()
        .format(prometheus_models.PromQueryFormat.TABLE)
    )
    evaluator = expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([alert.limit])
    limit = (
        expr.TypeThreshold()
        .ref_id("B")
        .expression("A")
        .conditions([expr.ExprTypeThresholdConditions().evaluator(evaluator)])
    )
    asked = alerting.Query("A").datasource_uid(DATASOURCE_UID).model(figure)
    asked = asked.relative_time_range(alerting_models.RelativeTimeRange(from_val=_HOUR, to=0))
    rule = (
        alerting.Rule(alert.name)
        .uid(f"session-agg-{alert.name.lower()}")
        .condition("B")
        .for_val(alert.lasts)
    )
    rule = rule.with_query(asked).with_query(
        alerting.Query("B").datasource_uid("__expr__").model(limit)
    )
    rule = rule.folder_uid("session-agg").rule_group("session-agg").org_id(1)
    rule = rule.labels({"severity": alert.severity}).annotations({"summary": alert.summary})
    return rule.no_data_state("OK").exec_err_state("Error")


def grafana_rules() -> alerting_models.RuleGroup:
    """All of them, checked every minute."""
    group = alerting.RuleGroup("session-agg").folder_uid("session-agg").interval(60)
    for alert in ALERTS:
        group = group.with_rule(grafana_rule(alert))
    return group.build()


def prometheus_rules() -> dict[str, object]:
    """The same for Prometheus."""
    rules = [
        {
            "alert": alert.name,
            "expr": f"({alert.expression}) > {alert.limit:g}",
            "for": alert.lasts,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary},
        }
        for alert in ALERTS
    ]
    return {"groups": [{"name": "session-agg", "rules": rules}]}


def main() -> None:
    """Write all files."""
    if len(sys.argv) != 2:  # noqa: PLR2004 -- the program and a folder
        sys.exit("usage: python dashboards.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "prometheus.json": board(
            "LLM sessions: metrics",
            "session-agg-metrics",
            "prometheus",
            PROMETHEUS,
            prometheus_target,
        ),
        "tempo.json": board(
            "LLM sessions: traces", "session-agg-traces", "tempo", TEMPO, tempo_target
        ),
        "clickhouse.json": board(
            "LLM sessions: ClickHouse",
            "session-agg-clickhouse",
            "grafana-clickhouse-datasource",
            CLICKHOUSE,
            clickhouse_target,
        ),
        "alerts.json": grafana_rules(),
    }
    for name, value in made.items():
        (folder / name).write_text(
            json.dumps(value, cls=JSONEncoder, indent=2, sort_keys=True) + "\n", "utf-8"
        )
    rules = yaml.safe_dump(prometheus_rules(), sort_keys=False, width=1000)
    (folder / "session_agg.rules.yml").write_text(rules, "utf-8")
    print(f"wrote {', '.join([*made, 'session_agg.rules.yml'])}")


if __name__ == "__main__":
    main()
