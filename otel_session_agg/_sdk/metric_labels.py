"""What of a session's metadata becomes attributes of metrics: names that the settings allow, a bounded number of values.

Every new combination of values is a new time series in whatever stores them, and metadata comes from users.  So each name has at most
``MAX_VALUES`` values and all names together ``MAX_COMBINATIONS``; what comes later is counted under ``OTHER``, and what was
known goes on as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg.attributes import METADATA_PREFIX

OTHER = "other"
"""Stands for values beyond the bounds."""

MAX_VALUES = 100
"""Values of one name: plans, tenants, regions; more are ids, and those belong on spans."""

MAX_COMBINATIONS = 1_000
"""Of the values of all names: half of what OpenTelemetry's SDKs keep of one instrument."""

_MAX_CHARS = 100
"""Of a value, so that what a user wrote does not become a label of a megabyte."""

_Labels = tuple[tuple[str, str], ...]


class MetricLabels:
    """The attributes that metadata gives to metrics; the caller holds a lock around all calls."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._combinations: set[_Labels] = set()

    def of(self, metadata: Mapping[str, object], names: tuple[str, ...]) -> dict[str, str]:
        """Attributes of a session with this metadata; a name that it does not have has none."""
        labels = tuple(
            (METADATA_PREFIX + name, self._value(name, metadata[name]))
            for name in names
            if name in metadata
        )
        if labels not in self._combinations:
            if len(self._combinations) >= MAX_COMBINATIONS:
                return {name: OTHER for name, _ in labels}
            self._combinations.add(labels)
        return dict(labels)

    def _value(self, name: str, value: object) -> str:
        written = str(value).lower() if isinstance(value, bool) else str(value)[:_MAX_CHARS]
        known = self._values.setdefault(name, set())
        if written not in known:
            if len(known) >= MAX_VALUES:
                return OTHER
            known.add(written)
        return written
