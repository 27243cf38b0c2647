"""Settings from arguments, environment variables and defaults."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

from otel_session_agg import _setting_rules as rules
from otel_session_agg import attributes as n
from otel_session_agg import environment_variables as env
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._guard import Guard, warn
from otel_session_agg._untrusted.masked import masked

_logger = logging.getLogger("otel_session_agg")
_warned = Guard(_logger)
"""Warns of unknown variables once per process, however often the environment is read."""


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return unknown variables with this library's prefix, each with a similar known name."""
    known = [variable for variable, _ in _RULES.values()]
    unknown = sorted(name for name in environ if name.startswith(_PREFIX) and name not in known)[
        :_MAX_UNKNOWN
    ]
    ends = {name.removeprefix(_PREFIX): name for name in known}
    close = {
        name: get_close_matches(name.removeprefix(_PREFIX)[: rules.MAX_CHARS], ends, 1, _CLOSE)
        for name in unknown
    }
    return {name: ends[found[0]] if found else None for name, found in close.items()}


class Given(NamedTuple):
    """A setting that an environment variable states."""

    name: str
    variable: str
    raw: str
    """The value as it is written."""
    value: Any
    """The value as it is read; ``None`` when it is not allowed."""
    allowed: str
    """The allowed values, in words."""


def given_variables(environ: Mapping[str, str]) -> list[Given]:
    """Return all settings that environment variables state."""
    found = (
        (name, variable, environ.get(variable, "").strip(), rule)
        for name, (variable, rule) in _RULES.items()
    )
    return [
        Given(name, variable, raw, read(raw), allowed)
        for name, variable, raw, (read, allowed) in found
        if raw
    ]


def _shown(value: object) -> str:
    """Return a value for an error's text; Python refuses to write out very long integers."""
    if isinstance(value, int) and abs(value) > rules.MOST**9:
        return "a huge number"
    return repr(masked(value) if isinstance(value, str) else value)[:_MAX_SHOWN]


_PREFIX = "OTEL_PYTHON_SESSION_AGG_"
_MAX_UNKNOWN = 20
_CLOSE = 0.6
"""How similar an unknown name must be to a known one to suggest that; ``difflib``'s default."""
_MAX_SHOWN = 200

_RULES: Mapping[str, tuple[str, rules.Rule]] = {
    "linger_seconds": (env.OTEL_PYTHON_SESSION_AGG_LINGER, rules.SECONDS_OF_HOUR),
    "max_open_roots": (env.OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS, rules.WHOLE),
    "max_open_spans": (env.OTEL_PYTHON_SESSION_AGG_MAX_OPEN_SPANS, rules.WHOLE),
    "max_queue_size": (env.OTEL_PYTHON_SESSION_AGG_MAX_QUEUE_SIZE, rules.WHOLE),
    "max_held_spans": (env.OTEL_PYTHON_SESSION_AGG_MAX_HELD_SPANS, rules.WHOLE),
    "outputs": (env.OTEL_PYTHON_SESSION_AGG_OUTPUTS, rules.FLAG),
    "max_output_chars": (env.OTEL_PYTHON_SESSION_AGG_MAX_OUTPUT_CHARS, rules.WHOLE),
    "breakdown": (env.OTEL_PYTHON_SESSION_AGG_BREAKDOWN, rules.FLAG),
    "breakdown_by": (env.OTEL_PYTHON_SESSION_AGG_BREAKDOWN_BY, rules.DIMENSIONS),
    "prices_update": (env.OTEL_PYTHON_SESSION_AGG_PRICES_UPDATE, rules.FLAG),
    "profiles": (env.OTEL_PYTHON_SESSION_AGG_PROFILES, rules.PROFILES),
    "store": (env.OTEL_PYTHON_SESSION_AGG_STORE, rules.URL),
    "store_outputs": (env.OTEL_PYTHON_SESSION_AGG_STORE_OUTPUTS, rules.FLAG),
    "session_idle_seconds": (env.OTEL_PYTHON_SESSION_AGG_SESSION_IDLE, rules.SECONDS_OF_MONTH),
    "session_max_seconds": (env.OTEL_PYTHON_SESSION_AGG_SESSION_MAX, rules.SECONDS_OF_MONTH),
    "session_records": (env.OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS, rules.RECORDS),
    "dimensions": (env.OTEL_PYTHON_SESSION_AGG_DIMENSIONS, rules.DIMENSIONS),
    "metric_attributes": (env.OTEL_PYTHON_SESSION_AGG_METRIC_ATTRIBUTES, rules.NAMES),
    "max_sessions": (env.OTEL_PYTHON_SESSION_AGG_MAX_SESSIONS, rules.WHOLE),
    "trust_baggage": (env.OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE, rules.FLAG),
    "handle_sigterm": (env.OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM, rules.FLAG),
    "exporter": (env.OTEL_PYTHON_SESSION_AGG_EXPORTER, rules.NAME),
}
"""Environment variable and rule by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a processor or exporter.

    Raises:
        SettingsError: a value is not allowed; the text names it and what is allowed.

    """

    linger_seconds: float = 5.0
    """Seconds that an ended root waits for spans still open below it.

    Long enough for a streamed response to be read.
    """
    max_open_roots: int = 100_000
    """Roots kept at once; beyond that the oldest leave with what they have.

    About 40 MB when they are all open.
    """
    max_open_spans: int = 10_000
    """Open spans remembered per root; the Collector's tail sampling keeps as many per trace."""
    max_queue_size: int = 8_192
    """Starts and ends of spans that may wait for the worker: 4 times a batch processor's queue."""
    max_held_spans: int = 65_536
    """Folded spans that may wait for an exporter that hangs; new ones are then lost and counted."""
    outputs: bool = True
    """Whether the last output is written; it may contain what users wrote."""
    max_output_chars: int = 4_096
    """Characters of the last output that are written."""
    breakdown: bool = True
    """Whether totals are split by model, agent and tool, and times and latencies are measured.

    What is split has names of models, agents and tools, which may come from users.
    """
    breakdown_by: tuple[str, ...] = ()
    """Dimensions whose values totals are split by, too, such as ``user.id`` or a name of metadata.

    Each trace counts for its own value, so a session of several users has a row for each.
    """
    prices_update: bool = False
    """Whether genai-prices may refresh its prices from the network.

    Off by default: a library does not call out by itself.
    """

    profiles: tuple[str, ...] = ("default",)
    """Sets of attribute names in which roots and session records are written, one or several."""
    store: str = "memory://"
    """The store that the processes of an application share; the default is only in this process."""
    store_outputs: bool = False
    """Whether the last output and the text of the last error go to a shared store, too.

    Both may quote what users wrote.  Without it, or without ``outputs``, only the type of an error
    does.
    """
    session_idle_seconds: float = 1_800.0
    """Seconds without news after which a session ends; half an hour is usual in web analytics."""
    session_max_seconds: float = 86_400.0
    """Seconds after which a session ends in any case, so that a day's report contains it."""
    session_records: bool | Literal["auto"] = "auto"
    """Whether a span named ``session`` is exported when a session has ended.

    ``True`` for every session, ``False`` for none, ``"auto"`` for those whose totals are not on a
    root: of more than one trace, or changed after the root had left.
    """
    dimensions: tuple[str, ...] = (
        n.USER_ID,
        "service.name",
        "service.version",
        "deployment.environment.name",
        "gen_ai.agent.name",
    )
    """What a session carries as its own, to group and filter by; at most 16 names.

    Found in ``session(metadata=)``, else on session roots, else on their resource.  The first value
    in a session wins; of texts the first 128 characters are kept.
    """
    metric_attributes: tuple[str, ...] = ()
    """Names of sessions' metadata and dimensions that become metric attributes.

    Each should have few values.  With ``gen_ai.response.model`` among them, cost and tokens of each
    model are measured.
    """
    max_sessions: int = 10_000
    """Sessions kept in memory; beyond that the least recently used one ends.

About 7 kB each after one turn and 32 kB after twenty; without ``breakdown`` 4 to 9 kB.
"""
    trust_baggage: bool = False
    """Whether a session id that arrives in W3C baggage is trusted.

    In a public service it must not be: a caller could write into any user's session.
    """
    handle_sigterm: bool = True
    """Whether ``SIGTERM`` exports totals and records of open sessions before the process ends."""
    exporter: str = "otlp"
    """The exporter behind ``SessionSpanExporter`` when it is given none.

    An entry point ``opentelemetry_traces_exporter``, or ``summary``: one line on standard output
    for each root.
    """

    def __post_init__(self) -> None:
        for name, (_, (read, allowed)) in _RULES.items():
            value = read(getattr(self, name))
            if value is None:
                message = f"{name}={_shown(getattr(self, name))} is not allowed: use {allowed}"
                raise SettingsError(message)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["store"] = masked(self.store)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Settings:
        """Return settings by name; values may be text.

        Raises:
            SettingsError: a name is unknown or a value is not allowed.

        """
        unknown = sorted(set(mapping) - _RULES.keys())
        if unknown:
            message = f"unknown setting {unknown[0]!r}: use one of {', '.join(_RULES)}"
            raise SettingsError(message)
        return cls(**mapping)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of the ``OTEL_PYTHON_SESSION_AGG_*`` variables.

        A value that is not allowed is logged and left out; an unknown variable of that prefix is
        logged once.
        """
        environ = os.environ if environ is None else environ
        for name, close in unknown_variables(environ).items():
            advice = (
                f"did you mean {close}?"
                if close
                else f"known are {', '.join(variable for variable, _ in _RULES.values())}"
            )
            _warned.once("unknown", name, f"%s is no variable of this library: {advice}", name)
        given = given_variables(environ)
        for one in given:
            if one.value is None:
                text = "%s=%r is not allowed: use %s; the default is used"
                warn(_logger, text, one.variable, masked(one.raw)[:_MAX_SHOWN], one.allowed)
        return cls(**{one.name: one.value for one in given if one.value is not None})
