"""Settings: from arguments, else from the environment, else the defaults."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from otel_session_agg import SessionAggError, Settings, SettingsError, environment_variables
from otel_session_agg._settings import _RULES

_HUGE = pytest.param("max_queue_size", "1" * 5000, id="huge-text")
_WRONG: list[Any] = [
    ("linger_seconds", -1),
    ("linger_seconds", 3600.5),
    ("linger_seconds", "soon"),
    ("linger_seconds", "nan"),
    ("linger_seconds", "inf"),
    ("linger_seconds", True),
    ("linger_seconds", None),
    pytest.param("linger_seconds", 10**400, id="huge-seconds"),
    ("max_open_roots", 0),
    ("max_open_roots", -5),
    ("max_open_roots", "1.5"),
    ("max_open_roots", 10**9 + 1),
    ("max_open_spans", 1.0),
    ("max_open_spans", True),
    ("max_queue_size", "x"),
    ("max_queue_size", "٣"),
    _HUGE,
    pytest.param("max_queue_size", 10**5000, id="huge"),
    ("max_held_spans", None),
    ("outputs", "yes"),
    ("outputs", 1),
    ("breakdown", "on"),
    ("max_output_chars", ""),
    ("prices_update", "on"),
    ("profiles", "honey"),
    ("profiles", ""),
    ("profiles", ("default", 1)),
    ("profiles", 7),
    ("store", "redis"),
    ("store", 1),
    ("session_idle_seconds", "-1"),
    ("session_max_seconds", 10**9),
    ("session_records", "maybe"),
    ("session_records", 1),
    ("dimensions", 1),
    ("breakdown_by", 1),
    ("breakdown_by", "cost"),
    ("dimensions", ("tenant", 1)),
    ("dimensions", tuple(f"n{number}" for number in range(17))),
    ("dimensions", "x" * 65),
    ("dimensions", "tenant,cost"),
    ("metric_attributes", 1),
    ("metric_attributes", ("plan", 1)),
    ("metric_attributes", "a,b,c,d,e,f,g,h,i"),
    ("metric_attributes", "x" * 41),
    ("max_sessions", 0),
    ("trust_baggage", "yes"),
]
_FROM_ENV: list[Any] = [
    ("linger_seconds", "soon"),
    ("linger_seconds", "-1"),
    ("max_open_roots", "0"),
    ("max_open_spans", "1.5"),
    _HUGE,
    ("max_held_spans", "many"),
    ("outputs", "yes"),
    ("max_output_chars", "1000000001"),
    ("prices_update", "1"),
]


class TestSettings:
    """Settings from arguments."""

    def test_rules(self) -> None:
        """Every setting has a rule, and every variable of the module is that of a setting."""
        variables = {name for name in vars(environment_variables) if name.startswith("OTEL_")}
        assert tuple(field.name for field in fields(Settings)) == tuple(_RULES)
        assert variables == {variable for variable, _ in _RULES.values()}

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("linger_seconds", 0, 0.0),
            ("linger_seconds", "2.5", 2.5),
            ("linger_seconds", 3600, 3600.0),
            ("max_open_roots", 1, 1),
            ("max_open_roots", " 7 ", 7),
            ("max_open_spans", 10**9, 10**9),
            ("outputs", "false", False),
            ("breakdown", "false", False),
            ("prices_update", True, True),
            ("session_records", " Auto", "auto"),
            ("session_records", "true", True),
            ("session_records", False, False),
            ("metric_attributes", "plan, tenant,plan,", ("plan", "tenant")),
            ("metric_attributes", ["plan"], ("plan",)),
            ("breakdown_by", "tenant, user.id", ("tenant", "user.id")),
            ("dimensions", "tenant, user.id,tenant,", ("tenant", "user.id")),
            ("dimensions", " None ", ()),
            ("dimensions", (), ()),
            ("dimensions", [f"n{number}" for number in range(16)], tuple(f"n{number}" for number in range(16))),
            ("dimensions", "x" * 64, ("x" * 64,)),
        ],
    )
    def test_allowed(self, name: str, value: object, expected: object) -> None:
        """A value that is allowed is taken, also as text."""
        assert expected == getattr(Settings(**{name: value}), name)  # type: ignore[arg-type]  # by name

    @pytest.mark.parametrize(("name", "value"), _WRONG)
    def test_not_allowed(self, name: str, value: object) -> None:
        """The error names the setting, the value and what is allowed."""
        with pytest.raises(SettingsError) as caught:
            Settings(**{name: value})  # type: ignore[arg-type]  # by name
        told = str(caught.value)
        assert told.startswith(f"{name}=")
        assert told.endswith(_RULES[name][1][1])
        assert isinstance(caught.value, SessionAggError)
        assert len(told) < 1000

    def test_names_the_value(self) -> None:
        """The text of the error is that which a user reads."""
        with pytest.raises(
            SettingsError, match=r"^max_open_roots='many' is not allowed: use a whole number from 1 to 1000000000$"
        ):
            Settings(max_open_roots="many")  # type: ignore[arg-type]  # what is tested

    def test_frozen(self) -> None:
        """Settings do not change."""
        with pytest.raises(FrozenInstanceError):
            Settings().outputs = False  # type: ignore[misc]  # what is tested


class TestFromMapping:
    """Settings by name."""

    def test_known(self) -> None:
        """Values may be text."""
        expected = Settings(linger_seconds=1.0, outputs=False)
        assert expected == Settings.from_mapping({"linger_seconds": "1", "outputs": "false"})

    def test_unknown(self) -> None:
        """An unknown name is told of, with those that exist."""
        with pytest.raises(SettingsError, match=r"^unknown setting 'linger': use one of linger_seconds, max_open_roots, "):
            Settings.from_mapping({"linger": 1})


class TestFromEnv:
    """Settings of the environment."""

    def test_defaults(self) -> None:
        """Without variables, or with empty ones, the defaults hold."""
        assert Settings() == Settings.from_env({}) == Settings.from_env({variable: " " for variable, _ in _RULES.values()})

    @pytest.mark.parametrize(
        ("name", "raw", "expected"),
        [
            ("linger_seconds", "0.5", 0.5),
            ("max_open_roots", "11", 11),
            ("max_open_spans", "12", 12),
            ("max_queue_size", "13", 13),
            ("max_held_spans", " 14 ", 14),
            ("outputs", "False", False),
            ("breakdown", "FALSE", False),
            ("max_output_chars", "15", 15),
            ("prices_update", "true", True),
        ],
    )
    def test_allowed(self, name: str, raw: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each variable sets its field."""
        monkeypatch.setenv(_RULES[name][0], raw)
        assert Settings(**{name: expected}) == Settings.from_env()  # type: ignore[arg-type]  # by name

    @pytest.mark.parametrize(("name", "raw"), _FROM_ENV)
    def test_not_allowed(self, name: str, raw: str, caplog: pytest.LogCaptureFixture) -> None:
        """A wrong value is logged with its variable and what is allowed; the application goes on with the default."""
        variable, (_, allowed) = _RULES[name]
        assert Settings() == Settings.from_env({variable: raw})
        assert 1 == len(caplog.messages)
        assert caplog.messages[0].startswith(f"{variable}=")
        assert caplog.messages[0].endswith(f"use {allowed}; the default is used")


class TestSecrets:
    """What settings show of themselves."""

    def test_repr(self) -> None:
        """The password of a store is not shown."""
        shown = repr(Settings(store="redis://user:secret@host:6379/0"))
        assert "store='redis://user:***@host:6379/0'" in shown
        assert "linger_seconds=5.0" in shown

    @pytest.mark.parametrize("url", ["host:6379,password=secret", "user:secret@host", "redis:secret@host"])
    def test_wrong(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        """Nor is that of a wrong one, in an error or in a log."""
        with pytest.raises(SettingsError) as raised:
            Settings(store=url)
        Settings.from_env({"OTEL_PYTHON_SESSION_AGG_STORE": url})
        assert "secret" not in f"{raised.value} {caplog.text}"
        assert "is not allowed" in caplog.text
