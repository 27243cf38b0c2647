"""The rules that are checked: those of the file and those made on the page, and their states.

=========== =======================================================================================
active      it is checked, and held for nothing lately
triggered   it holds for something
resolved    it held for something, and does not any more
muted       it is checked; what it finds is noted, and nobody is notified
paused      it is not checked
=========== =======================================================================================
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._alerts import episodes, notifications
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.rules_file import RuleFile, check_name, rule
from otel_session_agg._alerts.settings import UNSET, Setting, change, forget, rename, settings
from otel_session_agg._alerts.state import State
from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._untrusted.formatting import short

_MAX_RULES = 500
_MAX_JSON = 20_000
_MAX_NAME = 60


class RuleBook:
    """All rules, and what was said about them."""

    def __init__(self, given: RuleFile, state: State) -> None:
        self._file, self._state = given, state

    def read(self, connection: sqlite3.Connection) -> tuple[dict[str, Rule], dict[str, Setting]]:
        """Return all rules that can be checked, and what was said about them."""
        said = settings(connection)
        found = {**self._made(said)[0], **self._file.rules}
        return found, said

    def _made(self, said: Mapping[str, Setting]) -> tuple[dict[str, Rule], dict[str, str]]:
        """Return the rules made on the page, and why some of them are not understood any more."""
        found, problems = {}, {}
        for name, setting in said.items():
            if setting.definition is None:
                continue
            try:
                found[name] = self.understood(name, setting.definition)
            except SettingsError as error:
                problems[name] = str(error)
        return found, problems

    def understood(self, name: str, given: Mapping[str, Any]) -> Rule:
        """Return the rule that plain values describe; it has the channels of the file.

        Raises:
            SettingsError: the name, a key or a value is not allowed.

        """
        check_name(name)
        return rule(name, dict(given), self._file.channels)

    # -- changes ----------------------------------------------------------------------------------

    def save(self, name: str, given: Mapping[str, Any], before: str | None = None) -> None:
        """Keep a rule that was made on the page, in place of one of that name made there.

        ``before``: the name of a rule made there that is to have this name from now on; what was
        said about it, and what it found, goes with it.

        Raises:
            SessionAggError: it is not allowed, or the file has a rule of that name.

        """
        self.understood(name, given)
        text = json.dumps(given)
        if name in self._file.rules:
            message = f"the rule {short(name, _MAX_NAME)!r} is in the file: change it there"
            raise SessionAggError(message)
        if len(text) > _MAX_JSON:
            message = "the rule is too long"
            raise SessionAggError(message)
        with self._state.changing() as connection:
            said = settings(connection)
            made = [one for one, setting in said.items() if setting.definition is not None]
            if before not in {None, name}:
                _rename(connection, made, str(before), name)
            elif name not in made and len(made) >= _MAX_RULES:
                message = f"there are {_MAX_RULES} rules made on the page: delete one of them"
                raise SessionAggError(message)
            change(connection, name, definition=text)

    def delete(self, name: str) -> None:
        """Forget a rule that was made on the page; what it found stays in the history."""
        with self._state.changing() as connection:
            if settings(connection).get(name, UNSET).definition is None:
                message = f"no rule {short(name, _MAX_NAME)!r} was made on the page"
                raise SessionAggError(message)
            forget(connection, name)

    def say(self, name: str, **values: Any) -> None:
        """Note that a rule is paused or muted, or is not any more."""
        with self._state.changing() as connection:
            self._check(connection, name)
            change(connection, name, **values)

    def _check(self, connection: sqlite3.Connection, name: str) -> None:
        made = settings(connection).get(name, UNSET).definition is not None
        if name not in self._file.rules and not made:
            message = f"there is no rule {short(name, _MAX_NAME)!r}"
            raise SessionAggError(message)

    # -- for show ---------------------------------------------------------------------------------

    def values(self, now: float) -> list[dict[str, Any]]:
        """Return all rules with their states as plain values: no address and no secret."""
        with self._state.changing() as connection:
            rules, said = self.read(connection)
            counts = episodes.counts(connection)
        _, problems = self._made(said)
        found = [
            _values(one, said.get(name, UNSET), counts.get(name), now)
            | {"source": "file" if name in self._file.rules else "page"}
            for name, one in rules.items()
        ]
        found += [
            {"name": name, "state": "paused", "source": "page", "problem": problem,
             "definition": dict(said[name].definition or {})}
            for name, problem in problems.items()
        ]  # fmt: skip
        return found

    def channels(self) -> list[dict[str, Any]]:
        """Return the channels by name and kind, and how many notifications wait for each."""
        with self._state.changing() as connection:
            waiting = notifications.waiting(connection)
        return [
            {"name": name, "kind": channel.kind, "waiting": waiting.get(name, 0)}
            for name, channel in self._file.channels.items()
        ]


def _rename(connection: sqlite3.Connection, made: Sequence[str], before: str, name: str) -> None:
    """Give a rule that was made on the page another name."""
    if before not in made:
        message = f"no rule {short(before, _MAX_NAME)!r} was made on the page"
        raise SessionAggError(message)
    if name in made:
        message = f"there is another rule {short(name, _MAX_NAME)!r}: choose another name"
        raise SessionAggError(message)
    rename(connection, before, name)
    episodes.rename(connection, before, name)


def _values(
    one: Rule, said: Setting, counted: tuple[int, int, float] | None, now: float
) -> dict[str, Any]:
    number, total, last = counted or (0, 0, None)
    return {
        "name": one.name,
        "kind": one.kind,
        "text": one.text,
        "definition": dict(one.given),
        "severity": one.severity,
        "by": one.by,
        "where": one.where.text if one.where is not None else None,
        "over_seconds": one.over_seconds,
        "min_sessions": one.min_sessions,
        "cooldown_seconds": one.cooldown_seconds,
        "max_age_seconds": one.max_age_seconds,
        "threshold": one.threshold,
        "notify": list(one.notify),
        "state": _state(said, number, total, now),
        "is_paused": said.is_paused,
        "is_muted": said.mutes(now),
        "muted_until": said.muted_until if said.mutes(now) else None,
        "triggered": number,
        "fired": total,
        "last_fired_at": last,
    }


def _state(said: Setting, number: int, total: int, now: float) -> str:
    if said.is_paused:
        return "paused"
    if said.mutes(now):
        return "muted"
    if number:
        return "triggered"
    return "resolved" if total else "active"
