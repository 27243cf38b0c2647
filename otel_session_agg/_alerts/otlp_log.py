"""A log record over OTLP/HTTP, so that what fired is beside the traces.

In JSON, which every receiver of OTLP/HTTP takes.  The record's time is that of the spans, its
observed time that of the machine which found it.
"""

from __future__ import annotations

import json
from typing import Any

from otel_session_agg._alerts.channels import Channel
from otel_session_agg._alerts.http_post import Answer, post
from otel_session_agg._alerts.message import as_values, in_words
from otel_session_agg._alerts.notifications import Notification
from otel_session_agg._untrusted.values import encodable
from otel_session_agg.attributes import (
    ALERT_FIGURE_PREFIX,
    ALERT_ID,
    ALERT_LOG,
    ALERT_RULE,
    ALERT_SEGMENT,
    ALERT_STATE,
    OUR_SCOPE,
    SESSION_ID,
)

_PATH = "/v1/logs"
_SEVERITIES = {"info": (9, "INFO"), "warning": (13, "WARN"), "critical": (17, "ERROR")}
"""opentelemetry.io/docs/specs/otel/logs/data-model: severity numbers."""


def send(channel: Channel, given: Notification, now: float) -> Answer:
    """Send a notification as a log record."""
    url = channel.url if channel.url.endswith(_PATH) else channel.url.rstrip("/") + _PATH
    body = json.dumps(logs_data(given, now)).encode()
    return post(url, body, {**channel.headers, "Content-Type": "application/json"})


def logs_data(given: Notification, now: float) -> dict[str, Any]:
    """Return a request of OTLP with one log record."""
    number, text = _SEVERITIES[given.severity]
    record = {
        "timeUnixNano": str(given.finding.time_ns),
        "observedTimeUnixNano": str(int(now * 10**9)),
        "severityNumber": number,
        "severityText": text,
        "eventName": ALERT_LOG,
        "body": {"stringValue": in_words(given).body},
        "attributes": [_attribute(key, value) for key, value in _attributes(given).items()],
    }
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": [_attribute("service.name", "otel-session-agg")]},
                "scopeLogs": [{"scope": {"name": OUR_SCOPE}, "logRecords": [record]}],
            }
        ]
    }


def _attributes(given: Notification) -> dict[str, str | float]:
    values = as_values(given)
    found: dict[str, str | float] = {
        ALERT_ID: given.id,
        ALERT_RULE: given.rule,
        ALERT_STATE: given.phase,
    }
    if values["session_id"] is not None:
        found[SESSION_ID] = values["session_id"]
    if values["segment"]:
        found[ALERT_SEGMENT] = values["segment"]
    for name, value in values["figures"].items():
        if value is not None:
            found[ALERT_FIGURE_PREFIX + name] = value
    return found


def _attribute(key: str, value: str | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"key": key, "value": {"stringValue": encodable(value)}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    return {"key": key, "value": {"doubleValue": value}}
