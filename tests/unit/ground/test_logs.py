"""What is logged of names, texts and errors that come from outside."""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import otel_session_agg
from otel_session_agg import Budget, PriceBook, Settings, _guard, session
from otel_session_agg._guard import Guard, shown
from tests.support.apps import App

_PACKAGE = Path(otel_session_agg.__file__).parent
_LOGGER = logging.getLogger("otel_session_agg")
FORGED = "gpt\r\n2026-01-01 CRITICAL root: forged\x1b[2J\u202e\u2028\ud800\x00"
PROMPT = "what a user wrote"

PLACES = frozenset(
    {
        "a callback", "asking the store", "closing the store", "downstream _on_ending", "downstream force_flush", "downstream on_end",
        "downstream on_start", "downstream shutdown", "exporting", "flushing the store", "flushing what is in front", "force_flush",
        "handing sessions over", "joining the provider", "making a resource", "pricing", "shutdown", "starting metrics",
        "starting price updates", "stopping", "stopping metrics", "stopping price updates", "store", "store thread", "waking the worker",
        "working",
    }
)  # fmt: skip
"""Places whose errors come from parts that the application has chosen, or have nothing of spans in them."""


def _calls() -> Iterator[tuple[str, ast.Call]]:
    """All calls of methods and functions of the package, with their names."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield f"{path.name}:{name}", node


class TestShown:
    """The one function that all of it goes through."""

    @pytest.mark.parametrize("value", [None, True, 7, 1.5])
    def test_plain(self, value: object) -> None:
        """Numbers and flags stay what they are."""
        assert value is shown(value)

    def test_text(self) -> None:
        """Nothing of a text ends a line, moves a cursor, turns the direction or cannot be encoded; and it is short."""
        found = str(shown(FORGED))
        assert found.isprintable()
        assert found.encode()
        assert len(str(shown(FORGED * 100_000))) <= 400

    def test_error(self) -> None:
        """Errors are shown by their texts, without passwords; one that has none by its type."""

        class _MuteError(Exception):
            def __str__(self) -> str:
                raise ValueError(PROMPT)

        assert "<_MuteError>" == shown(_MuteError())
        assert "hunter2" not in str(shown(ConnectionError("redis://user:hunter2@host is gone")))
        assert "no such host" == shown(OSError("no such host"))


@pytest.mark.slow
class TestAllLogging:
    """Every call that logs."""

    def test_one_way(self) -> None:
        """Nothing is logged but by the guard."""
        levels = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
        attributes = [(name, node.func) for name, node in _calls() if isinstance(node.func, ast.Attribute)]
        ways = {name for name, way in attributes if way.attr in levels and ast.unparse(way.value).endswith(("logger", "logging"))}
        assert {"_guard.py:warning"} == ways
        imported = {
            path.name
            for path in _PACKAGE.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import) and any(alias.name == "warnings" for alias in node.names)
        }
        assert set() == imported

    def test_messages(self) -> None:
        """What is logged is a text of our own with places for the rest; no name from outside is put into it first."""
        positions = {"once": 2, "warn": 1}
        found = []
        for name, node in _calls():
            position = positions.get(name.partition(":")[2])
            if position is not None and name.partition(":")[0] != "_guard.py" and len(node.args) > position:
                found.append((name, node.args[position]))
        ours = {"advice", "text"}
        for name, message in found:
            parts = message.values if isinstance(message, ast.JoinedStr) else [message]
            names = [ast.unparse(part.value) for part in parts if isinstance(part, ast.FormattedValue)]
            names += [part.id for part in parts if isinstance(part, ast.Name)]
            assert set(names) <= ours, (name, ast.unparse(message))
        assert len(found) > 10

    def test_places(self) -> None:
        """Of each place it is known whether errors there may quote what stands on spans."""
        places = {
            node.args[0].value
            for name, node in _calls()
            if name.partition(":")[2] in {"call", "part"} and node.args and isinstance(node.args[0], ast.Constant)
        }
        assert places == places & (PLACES | _guard._OF_SPANS)
        assert len(places) > 20


class TestNoValues:
    """Values of attributes."""

    @pytest.mark.parametrize("place", sorted(_guard._OF_SPANS))
    def test_errors(self, place: str, caplog: pytest.LogCaptureFixture) -> None:
        """Of an error where spans are handled neither its text is logged nor that of one that it came from; the traceback is."""

        def fail() -> None:
            try:
                dict[str, str]()[PROMPT]
            except KeyError as error:
                raise ValueError(PROMPT) from error

        Guard(_LOGGER).call(place, fail)
        assert [f"{place} failed: ValueError"] == caplog.messages
        formatted = logging.Formatter().format(caplog.records[0])
        assert PROMPT not in formatted
        assert "in fail" in formatted
        assert "ValueError" in formatted

    def test_tracebacks(self, caplog: pytest.LogCaptureFixture) -> None:
        """Of other errors the text is in the message, escaped, and nowhere else."""

        def fail() -> None:
            raise ConnectionError(FORGED)

        Guard(_LOGGER).call("store", fail)
        (message,) = caplog.messages
        assert message.isprintable()
        assert message.startswith("store failed: ConnectionError: gpt")
        assert FORGED not in logging.Formatter().format(caplog.records[0])


class TestHostileNames:
    """Names that go through the warnings."""

    def test_models(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """A model, a provider and a reserved name with line breaks write one line each, and no prompt is in any."""
        app = make(prices=PriceBook())
        said = {"input.value": PROMPT, "output.value": PROMPT, "gen_ai.input.messages": PROMPT, "metadata.cost": PROMPT}
        for number, name in enumerate((FORGED, "m" * 1000, "\n" * 50, "%s%d%n{0}")):
            with app.tracer.start_as_current_span("request", attributes=said):
                app.call(
                    **{"gen_ai.request.model": f"{number}{name}", "gen_ai.provider.name": name, "gen_ai.input.messages": PROMPT}
                )
        app.flush()
        assert 4 == sum(message.startswith("no price is known") for message in caplog.messages)
        for record in caplog.records:
            line = logging.Formatter("%(message)s").format(record)
            assert line.isprintable()
            assert len(line) < 1000
            assert PROMPT not in line

    def test_parts(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        """So do the texts of errors of an exporter, a callback and a store."""

        def fail(*_args: object, **_kwargs: object) -> Any:
            raise OSError(FORGED)

        app = make(on_session=fail)
        monkeypatch.setattr(app.exporter, "export", fail)
        with session(FORGED[:3], end_on_exit=True, budget=Budget(total_tokens=1, on_exceeded=fail)):
            app.trace()
        app.flush()
        ours = [record for record in caplog.records if record.name == "otel_session_agg"]
        assert ours
        for record in ours:
            assert record.getMessage().isprintable()
            assert FORGED not in logging.Formatter().format(record)

    def test_environment(self, caplog: pytest.LogCaptureFixture) -> None:
        """So do variables and their values."""
        Settings.from_env({"OTEL_PYTHON_SESSION_AGG_LINGER": FORGED, f"OTEL_PYTHON_SESSION_AGG_{FORGED}": "1"})
        assert 2 == len(caplog.messages)
        assert all(message.isprintable() for message in caplog.messages)
