"""The name of every environment variable that this library reads.

``opentelemetry-instrument --help`` lists them as options.
"""

from __future__ import annotations

OTEL_PYTHON_SESSION_AGG_LINGER = "OTEL_PYTHON_SESSION_AGG_LINGER"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_LINGER

Seconds that an ended root waits for spans that are still open below it.  Default: 5
"""

OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS = "OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS

Session roots kept open at once; the oldest then leave with what they have.  Default: 100000
"""

OTEL_PYTHON_SESSION_AGG_MAX_OPEN_SPANS = "OTEL_PYTHON_SESSION_AGG_MAX_OPEN_SPANS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_OPEN_SPANS

Open spans remembered per root; beyond that the root stops waiting for the oldest.  Default: 10000
"""

OTEL_PYTHON_SESSION_AGG_MAX_QUEUE_SIZE = "OTEL_PYTHON_SESSION_AGG_MAX_QUEUE_SIZE"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_QUEUE_SIZE

Starts and ends of spans that may wait for the worker; beyond that the thread that adds one folds
them itself.  Default: 8192
"""

OTEL_PYTHON_SESSION_AGG_MAX_HELD_SPANS = "OTEL_PYTHON_SESSION_AGG_MAX_HELD_SPANS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_HELD_SPANS

Folded spans that may wait for an exporter that hangs; beyond that new ones are lost and counted.
Default: 65536
"""

OTEL_PYTHON_SESSION_AGG_OUTPUTS = "OTEL_PYTHON_SESSION_AGG_OUTPUTS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_OUTPUTS

Whether the last output is written on the root (``true`` or ``false``).  Default: true
"""

OTEL_PYTHON_SESSION_AGG_MAX_OUTPUT_CHARS = "OTEL_PYTHON_SESSION_AGG_MAX_OUTPUT_CHARS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_OUTPUT_CHARS

Characters of the last output that are written.  Default: 4096
"""

OTEL_PYTHON_SESSION_AGG_BREAKDOWN = "OTEL_PYTHON_SESSION_AGG_BREAKDOWN"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_BREAKDOWN

Whether totals are split by model, agent and tool, and times and latencies are measured (``true`` or
``false``).  Default: true
"""

OTEL_PYTHON_SESSION_AGG_BREAKDOWN_BY = "OTEL_PYTHON_SESSION_AGG_BREAKDOWN_BY"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_BREAKDOWN_BY

Dimensions whose values totals are split by, too, separated by commas, such as ``user.id,tenant``.
Default: none
"""

OTEL_PYTHON_SESSION_AGG_PRICES_UPDATE = "OTEL_PYTHON_SESSION_AGG_PRICES_UPDATE"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_PRICES_UPDATE

Whether prices are refreshed from the network while running (``true`` or ``false``).  Default: false
"""

OTEL_PYTHON_SESSION_AGG_PROFILES = "OTEL_PYTHON_SESSION_AGG_PROFILES"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_PROFILES

Sets of attribute names in which totals are written, separated by commas: ``default``,
``honeyhive``, ``phoenix``, ``posthog``.  Default: default
"""

OTEL_PYTHON_SESSION_AGG_STORE = "OTEL_PYTHON_SESSION_AGG_STORE"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_STORE

The store that the processes of an application share: ``memory://``, ``sqlite:///file``,
``redis://host:6379/0``.  Default: memory://
"""

OTEL_PYTHON_SESSION_AGG_STORE_OUTPUTS = "OTEL_PYTHON_SESSION_AGG_STORE_OUTPUTS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_STORE_OUTPUTS

Whether the last output goes to a store that processes share, too (``true`` or ``false``).
Default: false
"""

OTEL_PYTHON_SESSION_AGG_SESSION_IDLE = "OTEL_PYTHON_SESSION_AGG_SESSION_IDLE"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_SESSION_IDLE

Seconds without anything new after which a session ends.  Default: 1800
"""

OTEL_PYTHON_SESSION_AGG_SESSION_MAX = "OTEL_PYTHON_SESSION_AGG_SESSION_MAX"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_SESSION_MAX

Seconds after which a session ends in any case.  Default: 86400
"""

OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS = "OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS

Whether a span named ``session`` is exported when a session has ended: ``true`` for every session,
``false`` for none, ``auto`` for those whose totals are not on a root: of more than one trace, or
changed after the root had left.  Default: auto
"""

OTEL_PYTHON_SESSION_AGG_DIMENSIONS = "OTEL_PYTHON_SESSION_AGG_DIMENSIONS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_DIMENSIONS

What a session carries as its own, to group and filter by: names of attributes of roots and
resources and of sessions' metadata, separated by commas, or ``none``.
Default: user.id,service.name,service.version,deployment.environment.name,gen_ai.agent.name
"""

OTEL_PYTHON_SESSION_AGG_METRIC_ATTRIBUTES = "OTEL_PYTHON_SESSION_AGG_METRIC_ATTRIBUTES"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_METRIC_ATTRIBUTES

Names of sessions' metadata and dimensions that become attributes of metrics, separated by commas,
such as ``plan,service.name``; with ``gen_ai.response.model``, cost and tokens of each model are
measured.  Default: none
"""

OTEL_PYTHON_SESSION_AGG_MAX_SESSIONS = "OTEL_PYTHON_SESSION_AGG_MAX_SESSIONS"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_MAX_SESSIONS

Sessions kept in memory; beyond that the least recently used one ends.  Default: 10000
"""

OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE = "OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE

Whether a session id that arrives in W3C baggage is trusted (``true`` or ``false``).  Default: false
"""

OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM = "OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM

Whether totals and records of open sessions are exported before ``SIGTERM`` ends the process
(``true`` or ``false``).  Default: true
"""

OTEL_PYTHON_SESSION_AGG_EXPORTER = "OTEL_PYTHON_SESSION_AGG_EXPORTER"
"""
.. envvar:: OTEL_PYTHON_SESSION_AGG_EXPORTER

The exporter behind ``OTEL_TRACES_EXPORTER=session_agg``, such as ``console``; ``summary`` prints
one line for each root.
Default: otlp, by the standard variables
"""
