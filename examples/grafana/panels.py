"""What the dashboards show: titles, units and queries, by data source."""

from __future__ import annotations

from typing import NamedTuple


class Series(NamedTuple):
    """A query, and what its lines are called."""

    query: str
    legend: str = ""


class Chart(NamedTuple):
    """A panel."""

    title: str
    unit: str
    """As Grafana names it."""
    series: tuple[Series, ...]
    is_table: bool = False
    about: str = ""


class Alert(NamedTuple):
    """An alert rule for Prometheus and Grafana: it fires where the expression is above the limit."""

    name: str
    expression: str
    limit: float
    severity: str
    summary: str
    lasts: str = "0s"
    """How long it has to be so."""


# -- Prometheus: histograms and counters of this library, as its exporter for Python names them ----

_M = "otel_session_agg_"


def _rate(metric: str) -> str:
    return f"sum by (job) (rate({_M}{metric}[$__rate_interval]))"


def _quantiles(metric: str) -> tuple[Series, ...]:
    """Percentiles over an hour: sessions are fewer than scrapes."""
    return tuple(
        Series(
            f"histogram_quantile({share}, sum by (job, le) (rate({_M}{metric}_bucket[1h])))",
            f"p{share * 100:.0f} {{{{job}}}}",
        )
        for share in (0.5, 0.95, 0.99)
    )


PROMETHEUS = (
    Chart(
        "Sessions that ended, per minute",
        "none",
        (Series(f"60 * {_rate('session_duration_seconds_count')}", "{{job}}"),),
    ),
    Chart(
        "Known cost, USD per hour",
        "currencyUSD",
        (Series(f"3600 * {_rate('session_cost_sum')}", "{{job}}"),),
        about="Without the calls whose price is unknown: see the panel of these.",
    ),
    Chart("Cost of a session", "currencyUSD", _quantiles("session_cost")),
    Chart("Duration of a session", "s", _quantiles("session_duration_seconds")),
    Chart("Tokens of a session", "short", _quantiles("session_tokens")),
    Chart("Duration of a model call", "s", _quantiles("calls_duration_seconds")),
    Chart(
        "Sessions over 0.10 USD, of all whose cost is known",
        "percentunit",
        (
            Series(
                f'1 - sum by (job) (rate({_M}session_cost_bucket{{le="0.1"}}[1h]))'
                f" / sum by (job) (rate({_M}session_cost_count[1h]))",
                "{{job}}",
            ),
        ),
    ),
    Chart(
        "Known cost by model, USD per hour",
        "currencyUSD",
        (
            Series(
                f"3600 * sum by (gen_ai_response_model) (rate({_M}models_cost_total[1h]))",
                "{{gen_ai_response_model}}",
            ),
        ),
        about='Only with the setting metric_attributes="gen_ai.response.model".',
    ),
    Chart(
        "Model calls without a known price, per hour",
        "none",
        (Series(f"3600 * {_rate('calls_unpriced_total')}", "{{job}}"),),
    ),
    Chart("Sessions in memory", "none", (Series(f"sum by (job) ({_M}sessions_open)", "{{job}}"),)),
)

_ENOUGH = f"and sum by (job) (increase({_M}session_duration_seconds_count[1h])) >= 20"
_AVERAGE = f"sum by (job) (increase({_M}session_cost_sum[1d])) / sum by (job) (increase({_M}session_cost_count[1d]))"

ALERTS = (
    Alert(
        "SlowSessions",
        f"histogram_quantile(0.95, sum by (job, le) (rate({_M}session_duration_seconds_bucket[1h]))) {_ENOUGH}",
        20,
        "warning",
        "the 95th percentile of the duration of sessions of {{ $labels.job }} in an hour, of at least 20, is over 20 s",
    ),
    Alert(
        "ExpensiveSessions",
        f'100 - 100 * sum by (job) (increase({_M}session_cost_bucket{{le="0.1"}}[1h]))'
        f" / sum by (job) (increase({_M}session_cost_count[1h])) {_ENOUGH}",
        5,
        "critical",
        "more than 5 % of the sessions of {{ $labels.job }} in an hour, of at least 20, cost more than 0.10 USD",
    ),
    Alert(
        "DearerThanYesterday",
        f"100 * ({_AVERAGE}) / ({_AVERAGE.replace('[1d]', '[1d] offset 1d')}) - 100",
        30,
        "warning",
        "a session of {{ $labels.job }} costs on average over 30 % more than the day before",
        "15m",
    ),
    Alert(
        "UnpricedCalls",
        f"sum by (job) (increase({_M}calls_unpriced_total[1h]))",
        0,
        "info",
        "{{ $labels.job }} makes model calls whose price is not known: they are in no cost",
    ),
)

# -- Tempo: attributes of session roots and records, in TraceQL ------------------------------------

_TRACES = 'span.metadata.rollup = "trace"'

TEMPO = (
    Chart(
        "Known cost, USD",
        "currencyUSD",
        (
            Series(
                f"{{ {_TRACES} }} | sum_over_time(span.metadata.cost) by (resource.service.name)"
            ),
        ),
    ),
    Chart(
        "Traces with an error, per second",
        "none",
        (
            Series(
                f"{{ {_TRACES} && span.metadata.num_errors > 0 }} | rate() by (resource.service.name)"
            ),
        ),
    ),
    Chart(
        "Cost of a trace",
        "currencyUSD",
        (Series(f"{{ {_TRACES} }} | quantile_over_time(span.metadata.cost, .5, .95)"),),
    ),
    Chart(
        "Duration of a trace",
        "ms",
        (Series(f"{{ {_TRACES} }} | quantile_over_time(span.duration, .5, .95)"),),
    ),
    Chart(
        "Sessions and traces over 0.10 USD",
        "none",
        (
            Series(
                "{ span.metadata.cost > 0.10 } | select(span.session.id, span.metadata.cost, span.metadata.total_tokens, span.metadata.rollup)"
            ),
        ),
        is_table=True,
    ),
    Chart(
        "Traces with calls whose price is unknown",
        "none",
        (
            Series(
                f"{{ {_TRACES} && span.metadata.num_unpriced_events > 0 }} | select(span.session.id, span.metadata.num_unpriced_events)"
            ),
        ),
        is_table=True,
    ),
)

# -- ClickHouse: the table of the collector's exporter ---------------------------------------------

_ROOTS = (
    "(SELECT * FROM otel_traces WHERE $__timeFilter(Timestamp) AND SpanAttributes['metadata.rollup'] = 'trace'"
    " LIMIT 1 BY TraceId, SpanId)"
)
"""A span that the collector wrote twice counts once."""


def _number(name: str) -> str:
    """What is not there stays unknown: sums and percentiles leave it out, and none of it is 0."""
    return f"toFloat64OrNull(SpanAttributes['{name}'])"


CLICKHOUSE = (
    Chart(
        "Known cost, USD",
        "currencyUSD",
        (
            Series(
                f"SELECT $__timeInterval(Timestamp) AS time, ServiceName, sum({_number('metadata.cost')}) AS cost"
                f" FROM {_ROOTS} GROUP BY time, ServiceName ORDER BY time"
            ),
        ),
    ),
    Chart(
        "Duration of a trace, p50 and p95",
        "ms",
        (
            Series(
                f"SELECT $__timeInterval(Timestamp) AS time, quantile(0.5)({_number('duration')}) AS p50,"
                f" quantile(0.95)({_number('duration')}) AS p95 FROM {_ROOTS} GROUP BY time ORDER BY time"
            ),
        ),
    ),
    Chart(
        "What models cost, USD",
        "currencyUSD",
        (
            Series(
                "SELECT row.1 AS model, sum(JSONExtract(row.2, 'cost', 'Nullable(Float64)')) AS cost,"
                " sum(JSONExtractUInt(row.2, 'calls')) AS calls, sum(JSONExtractUInt(row.2, 'unpriced')) AS unpriced"
                f" FROM {_ROOTS} ARRAY JOIN JSONExtractKeysAndValuesRaw(SpanAttributes['metadata.by_model']) AS row"
                " GROUP BY model ORDER BY cost DESC NULLS LAST"
            ),
        ),
        is_table=True,
    ),
    Chart(
        "Sessions over 0.10 USD",
        "none",
        (
            Series(
                f"SELECT SpanAttributes['session.id'] AS session, sum({_number('metadata.cost')}) AS cost,"
                f" sum({_number('metadata.total_tokens')}) AS tokens, count() AS traces,"
                f" sum(toUInt64OrZero(SpanAttributes['metadata.num_unpriced_events'])) AS unpriced FROM {_ROOTS}"
                " WHERE session != '' GROUP BY session HAVING cost > 0.10 ORDER BY cost DESC LIMIT 100"
            ),
        ),
        is_table=True,
    ),
)
