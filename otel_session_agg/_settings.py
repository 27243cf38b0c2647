"""Settings: from arguments, else from the environment, else the defaults."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

from otel_session_agg import environment_variables as env
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._guard import Guard, warn
from otel_session_agg._masked import masked
from otel_session_agg._values import flag

_logger = logging.getLogger("otel_session_agg")
_warned = Guard(_logger)
"""Unknown variables are warned of once per process, however often the environment is read."""

_Rule = tuple[Callable[[object], Any], str]
"""The reading of a value, ``None`` when it is not allowed, and what is."""


def _whole(value: object) -> int | None:
    if (
        isinstance(value, str)
        and len(value) <= _MAX_CHARS
        and value.strip().isascii()
        and value.strip().isdigit()
    ):
        value = int(value.strip())
    return value if type(value) is int and 1 <= value <= _MOST else None


def _seconds(most: float) -> _Rule:
    """Seconds from 0 to ``most``."""

    def read(value: object) -> float | None:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if 0 <= value <= most else None

    return read, f"seconds from 0 to {most:.0f}"


def _url(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and "://" in value else None


def _name(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) and len(value) <= _MAX_CHARS else None


def _names(value: object) -> tuple[str, ...] | None:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (tuple, list)) or not all(
        isinstance(name, str) and len(name) <= _MAX_CHARS for name in names
    ):
        return None
    found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    return found if len(found) <= _MAX_NAMES else None


def _records(value: object) -> bool | Literal["auto"] | None:
    return "auto" if isinstance(value, str) and value.strip().lower() == "auto" else flag(value)


def _profiles(value: object) -> tuple[str, ...] | None:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        return None
    found = tuple(dict.fromkeys(name.strip() for name in names))
    return found if found and set(found) <= set(PROFILE_NAMES) else None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that have this library's prefix and are none of its own, with the known name that is closest, if one is close."""
    known = [variable for variable, _ in _RULES.values()]
    unknown = sorted(name for name in environ if name.startswith(_PREFIX) and name not in known)[
        :_MAX_UNKNOWN
    ]
    ends = {name.removeprefix(_PREFIX): name for name in known}
    close = {
        name: get_close_matches(name.removeprefix(_PREFIX)[:_MAX_CHARS], ends, 1, _CLOSE)
        for name in unknown
    }
    return {name: ends[found[0]] if found else None for name, found in close.items()}


class Given(NamedTuple):
    """A setting that the environment states."""

    name: str
    variable: str
    raw: str
    """As it stands there."""
    value: Any
    """As it is read; ``None`` when it is not allowed."""
    allowed: str
    """What is."""


def given_variables(environ: Mapping[str, str]) -> list[Given]:
    """All settings that the environment states."""
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
    """A value for an error's text; Python itself refuses to write very long integers out."""
    if isinstance(value, int) and abs(value) > _MOST**9:
        return "a huge number"
    return repr(masked(value) if isinstance(value, str) else value)[:_MAX_SHOWN]


_PREFIX = "OTEL_PYTHON_SESSION_AGG_"
_MAX_UNKNOWN = 20
_CLOSE = 0.6
"""How similar a name has to be to one that is known to be taken for a typing error; the library's own default."""
_MAX_CHARS = 40
_MAX_NAMES = 8
_MAX_SHOWN = 200
_MOST = 10**9
_HOUR = 3600.0
_MONTH = 31 * 24 * _HOUR
PROFILE_NAMES = ("default", "honeyhive", "phoenix", "posthog")
"""Sets of names that roots and records can be written in."""

_WHOLE: _Rule = (_whole, f"a whole number from 1 to {_MOST}")
_FLAG: _Rule = (flag, "true or false")
_NAMES: _Rule = (
    _names,
    f"at most {_MAX_NAMES} names of at most {_MAX_CHARS} characters, by commas",
)
_RECORDS: _Rule = (_records, "auto, true or false")
_URL: _Rule = (_url, "a URL such as memory://, sqlite:///file or redis://host:6379/0")
_NAME: _Rule = (_name, f"a name of at most {_MAX_CHARS} characters")
_PROFILES: _Rule = (_profiles, f"one or more of {', '.join(PROFILE_NAMES)}")

_RULES: Mapping[str, tuple[str, _Rule]] = {
    "linger_seconds": (env.OTEL_PYTHON_SESSION_AGG_LINGER, _seconds(_HOUR)),
    "max_open_roots": (env.OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS, _WHOLE),
    "max_open_spans": (env.OTEL_PYTHON_SESSION_AGG_MAX_OPEN_SPANS, _WHOLE),
    "max_queue_size": (env.OTEL_PYTHON_SESSION_AGG_MAX_QUEUE_SIZE, _WHOLE),
    "max_held_spans": (env.OTEL_PYTHON_SESSION_AGG_MAX_HELD_SPANS, _WHOLE),
    "outputs": (env.OTEL_PYTHON_SESSION_AGG_OUTPUTS, _FLAG),
    "max_output_chars": (env.OTEL_PYTHON_SESSION_AGG_MAX_OUTPUT_CHARS, _WHOLE),
    "prices_update": (env.OTEL_PYTHON_SESSION_AGG_PRICES_UPDATE, _FLAG),
    "profiles": (env.OTEL_PYTHON_SESSION_AGG_PROFILES, _PROFILES),
    "store": (env.OTEL_PYTHON_SESSION_AGG_STORE, _URL),
    "store_outputs": (env.OTEL_PYTHON_SESSION_AGG_STORE_OUTPUTS, _FLAG),
    "session_idle_seconds": (env.OTEL_PYTHON_SESSION_AGG_SESSION_IDLE, _seconds(_MONTH)),
    "session_max_seconds": (env.OTEL_PYTHON_SESSION_AGG_SESSION_MAX, _seconds(_MONTH)),
    "session_records": (env.OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS, _RECORDS),
    "metric_attributes": (env.OTEL_PYTHON_SESSION_AGG_METRIC_ATTRIBUTES, _NAMES),
    "max_sessions": (env.OTEL_PYTHON_SESSION_AGG_MAX_SESSIONS, _WHOLE),
    "trust_baggage": (env.OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE, _FLAG),
    "handle_sigterm": (env.OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM, _FLAG),
    "exporter": (env.OTEL_PYTHON_SESSION_AGG_EXPORTER, _NAME),
}
"""Field to its environment variable, the reading of a value, and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the aggregation behaves.

    Raises:
        SettingsError: a value is not allowed; the text names the setting, the value and what is allowed.

    """

    linger_seconds: float = 5.0
    """Seconds that an ended root waits for spans still open below it; long enough for a streamed answer to be read."""
    max_open_roots: int = 100_000
    """Roots kept at once; the oldest then leave with what they have.  About 40 MB when they are all open."""
    max_open_spans: int = 10_000
    """Open spans remembered per root; the Collector's tail sampling keeps traces of this size, too."""
    max_queue_size: int = 8_192
    """Starts and ends of spans that may wait for the worker; four times the batch processor's queue."""
    max_held_spans: int = 65_536
    """Folded spans that may wait for a downstream that hangs; then new ones are lost and counted."""
    outputs: bool = True
    """Whether the last output is written; it may hold what users wrote."""
    max_output_chars: int = 4_096
    """Characters of the last output that are written."""
    prices_update: bool = False
    """Whether genai-prices may refresh its prices from the network; a library does not call out by itself."""

    profiles: tuple[str, ...] = ("default",)
    """Sets of names in which roots and session records are written; several at once are allowed."""
    store: str = "memory://"
    """Where the processes of an application meet; the default keeps sessions in this process."""
    store_outputs: bool = False
    """Whether the last output and the text of the last error, which may quote what users wrote, go to a store that processes share,
    too; without it, and without ``outputs``, only the type of an error does."""
    session_idle_seconds: float = 1_800.0
    """A session ends when nothing new came for so long; web analytics' usual half hour."""
    session_max_seconds: float = 86_400.0
    """A session ends after so long in any case, so that a day's report has it."""
    session_records: bool | Literal["auto"] = "auto"
    """Whether a span named ``session`` is exported when a session has ended: ``True`` for every session, ``False`` for none,
    ``"auto"`` for those whose totals are not on a root: of more than one trace, or changed after the root had left.
    """
    metric_attributes: tuple[str, ...] = ()
    """Names of sessions' metadata that become attributes of metrics; each should have few values."""
    max_sessions: int = 10_000
    """Sessions kept in memory, about 3 kB each; the one that was used longest ago then ends."""
    trust_baggage: bool = False
    """Whether a session id that arrives in W3C baggage is believed.  Behind a public entry point it must not be: a caller
    could write into anybody's session."""
    handle_sigterm: bool = True
    """Whether totals and records of open sessions are exported before ``SIGTERM`` ends the process."""
    exporter: str = "otlp"
    """The exporter behind ``SessionSpanExporter`` when it is given none: an entry point ``opentelemetry_traces_exporter``, or
    ``summary``: one line on standard output for each root."""

    def __post_init__(self) -> None:
        for name, (_, (read, allowed)) in _RULES.items():
            value = read(getattr(self, name))
            if value is None:
                message = f"{name}={_shown(getattr(self, name))} is not allowed: use {allowed}"
                raise SettingsError(message)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in {**values, 'store': masked(self.store)}.items())})"

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Settings:
        """Settings by name; values may be text.

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
        """Settings of the ``OTEL_PYTHON_SESSION_AGG_*`` variables.

        A value that is not allowed is logged and left out; a variable of that prefix that is none is logged once.
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
