"""Read rules from YAML, and check everything in them.

::

    channels:
      team: {apprise: $TEAM_CHAT_URL}
      hook: {webhook: "https://example.org/alerts", secret: $ALERT_SECRET}
    rules:
      expensive session: {session: cost > 0.10, notify: [team]}
      slow hour: {aggregate: p95(duration) > 20 s, over: 1 h, by: service.name, min_sessions: 20}
      dearer: {drift: avg(cost) > +30 %, over: 1 d}
      odd cost: {anomaly: cost, by: service.name, over: 7 d}

Each error names the file, the rule, the key, and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_session_agg._alerts.channels import Channel, channel
from otel_session_agg._alerts.columns import NUMBERS, column_named, key_named
from otel_session_agg._alerts.figures import change, limit
from otel_session_agg._alerts.quantities import seconds
from otel_session_agg._alerts.rule import KINDS, SEVERITIES, Rule
from otel_session_agg._alerts.terms import condition
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._extras import needed
from otel_session_agg._files import read_bounded
from otel_session_agg._untrusted.formatting import short
from otel_session_agg.analysis._outliers import MIN_SAMPLE, THRESHOLD

_MAX_BYTES = 1_000_000
_MAX_RULES = 500
_MAX_CHANNELS = 50
_MAX_NAME = 100
_MAX_SHOWN = 60
_HOUR, _DAY = 3600.0, 86_400.0
_MAX_SESSIONS = 1_000_000
_MAX_THRESHOLD = 1000


@dataclass(frozen=True, slots=True)
class RuleFile:
    """Rules and channels, by name."""

    rules: Mapping[str, Rule]
    channels: Mapping[str, Channel]


NO_RULES = RuleFile({}, {})
"""A file with nothing in it."""


def load_rules(path: Path) -> RuleFile:
    """Return the rules and channels of a file in YAML.

    Raises:
        SettingsError: it cannot be read, or something in it is not allowed.

    """
    name = short(str(path))
    try:
        content = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise SettingsError(message) from None
    return read_rules(content, name)


def read_rules(content: bytes | str, name: str = "alerts") -> RuleFile:
    """Return the rules and channels of a text in YAML; errors begin with a name for it.

    Raises:
        SettingsError: something in it is not allowed.

    """
    given = _parsed(content, name)
    if not isinstance(given, dict) or not given or given.keys() - {"rules", "channels"}:
        message = f"{name}: the file has the keys rules and channels"
        raise SettingsError(message)
    channels = _each(given, "channels", "channel", _MAX_CHANNELS, channel, name)
    rules = _each(
        given, "rules", "rule", _MAX_RULES, lambda one, value: rule(one, value, channels), name
    )
    return RuleFile(rules, channels)


def _parsed(content: bytes | str, name: str) -> object:
    yaml = needed("yaml", "replay")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """Refuses a key that is there twice: the first of the two rules would be lost."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if not isinstance(key, str) or keys.count(key) > 1:
                    what = "is there twice" if isinstance(key, str) else "is no text"
                    message = f"the key {short(str(key), _MAX_SHOWN)!r} {what}"
                    raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
            return super().construct_mapping(node, deep=deep)

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):  # could stand for any number of values
                message = "aliases (*name) are not allowed"
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, message, mark)
            return super().compose_node(parent, index)

    try:
        return yaml.load(content, Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = f"{name} is not understood as YAML: {short(' '.join(str(error).split()))}"
        raise SettingsError(message) from None


def _each(  # noqa: PLR0913 -- all that differs
    given: Mapping[str, Any],
    key: str,
    what: str,
    most: int,
    read: Callable[[str, Any], Any],
    file: str,
) -> dict[str, Any]:
    values = given.get(key) or {}
    if not isinstance(values, dict) or len(values) > most:
        message = f"{file}: {key} is a mapping of at most {most} names"
        raise SettingsError(message)
    found = {}
    for name, value in values.items():
        try:
            check_name(name)
            found[name] = read(name, value)
        except SettingsError as error:  # noqa: PERF203 -- names the one
            message = f"{file}: {what} {short(name, _MAX_NAME)!r}: {error}"
            raise SettingsError(message) from None
    return found


def check_name(name: str) -> None:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        message = f"a name has 1 to {_MAX_NAME} characters that can be printed"
        raise SettingsError(message)


def keys_of(kind: str) -> frozenset[str]:
    """Return the keys that a rule of a kind may have beside it."""
    return frozenset({*_COMMON, *_MORE[kind]})


# -- one rule --------------------------------------------------------------------------------------


def rule(name: str, given: object, channels: Mapping[str, Channel]) -> Rule:
    """Return the rule that plain values describe.

    Raises:
        SettingsError: a key or value is not allowed; the text names it, and what is.

    """
    kinds = [kind for kind in KINDS if isinstance(given, dict) and kind in given]
    if not isinstance(given, dict) or len(kinds) != 1:
        message = f"a rule has exactly one of the keys {', '.join(KINDS)}"
        raise SettingsError(message)
    [kind] = kinds
    allowed = {kind: _OF_KIND[kind], **_COMMON, **_MORE[kind]}
    values = {**_DEFAULTS[kind], "notify": channels}
    for key, value in given.items():
        if key not in allowed:
            message = (
                f"key {short(str(key), _MAX_SHOWN)!r}: a rule of kind {kind} has"
                f" {', '.join(allowed)}"
            )
            raise SettingsError(message)
        field, read = allowed[key]
        try:
            values[field] = read(value)
        except SettingsError as error:
            message = f"key {key!r}: {error}"
            raise SettingsError(message) from None
    return Rule(name, kind, dict(given), **_checked(values, channels))


def _checked(values: dict[str, Any], channels: Mapping[str, Channel]) -> dict[str, Any]:
    values["notify"] = tuple(values["notify"])
    for name in values["notify"]:
        if name not in channels:
            known = ", ".join(channels) or "none: describe it under channels"
            message = f"key 'notify': there is no channel {short(name, _MAX_SHOWN)!r}, only {known}"
            raise SettingsError(message)
    if values.get("limit") is not None:
        values.setdefault("cooldown_seconds", values["over_seconds"])
    return values


def _whole(most: int, least: int = 1) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        message = f"{short(str(value), _MAX_SHOWN)!r} is no whole number from {least} to {most:,}"
        raise SettingsError(message)

    return read


def _number(value: object) -> float:
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 1 <= value <= _MAX_THRESHOLD
    ):
        return float(value)
    message = f"{short(str(value), _MAX_SHOWN)!r} is no number from 1 to {_MAX_THRESHOLD:,}"
    raise SettingsError(message)


def _period(value: object) -> float:
    found = seconds(value)
    if found < 1:
        message = f"{short(str(value), _MAX_SHOWN)!r} is shorter than a second"
        raise SettingsError(message)
    return found


def _one_of(names: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        message = f"{short(str(value), _MAX_SHOWN)!r} is none of {', '.join(names)}"
        raise SettingsError(message)

    return read


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    message = f"{short(str(value), _MAX_SHOWN)!r} is neither true nor false"
    raise SettingsError(message)


def _key(value: object) -> str:
    return key_named(value if isinstance(value, str) else str(value))


def _names(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        message = "a list of names of channels"
        raise SettingsError(message)
    return tuple(dict.fromkeys(names))


_Read = tuple[str, Callable[[Any], Any]]
_OF_KIND: Mapping[str, _Read] = {
    "session": ("holds", condition),
    "aggregate": ("limit", limit),
    "drift": ("limit", change),
    "anomaly": ("column", lambda value: column_named(str(value), NUMBERS)),
}
_COMMON: Mapping[str, _Read] = {
    "where": ("where", condition),
    "severity": ("severity", _one_of(SEVERITIES)),
    "cooldown": ("cooldown_seconds", seconds),
    "notify": ("notify", _names),
}
_WINDOW: Mapping[str, _Read] = {
    "over": ("over_seconds", _period),
    "by": ("by", _key),
    "min_sessions": ("min_sessions", _whole(_MAX_SESSIONS)),
}
_MORE: Mapping[str, Mapping[str, _Read]] = {
    "session": {"max_age": ("max_age_seconds", _period)},
    "aggregate": {**_WINDOW, "notify_resolved": ("notifies_end", _flag)},
    "drift": {**_WINDOW, "notify_resolved": ("notifies_end", _flag)},
    "anomaly": {
        **_WINDOW,
        "threshold": ("threshold", _number),
        "max_age": ("max_age_seconds", _period),
    },
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "session": {"max_age_seconds": _HOUR},
    "aggregate": {"over_seconds": _HOUR},
    "drift": {"over_seconds": _DAY, "min_sessions": MIN_SAMPLE},
    "anomaly": {
        "over_seconds": 7 * _DAY,
        "min_sessions": MIN_SAMPLE,
        "threshold": THRESHOLD,
        "max_age_seconds": _HOUR,
    },
}
"""What a rule says that does not say it; a cool-down of a segment is as long as its period."""
