"""Turn a session's metadata into attributes of metrics: allowed names, a bounded number of values.

Every new combination of values is a new time series in the backend, and metadata comes from users.
So each name has at most ``MAX_VALUES`` values and all names together ``MAX_COMBINATIONS``; what
comes later is counted under ``OTHER``, and what was known goes on as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg.attributes import METADATA_PREFIX

OTHER = "other"
"""Stands for values beyond the bounds."""

MAX_VALUES = 100
"""Values of one name: plans, tenants, regions.  More are ids, which belong on spans."""

MAX_COMBINATIONS = 1_000
"""Combinations of the values of all names: half of the time series that OpenTelemetry's SDKs keep
of one instrument."""

_MAX_CHARS = 100
"""Characters of a value, so that a user's text does not become a label of a megabyte."""

_Labels = tuple[tuple[str, str], ...]


class MetricLabels:
    """The attributes that metadata gives to metrics; the caller holds a lock around all calls."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._combinations: set[_Labels] = set()

    def of(self, metadata: Mapping[str, object], names: tuple[str, ...]) -> dict[str, str]:
        """Return the attributes for a session's metadata, without names that it does not have."""
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
