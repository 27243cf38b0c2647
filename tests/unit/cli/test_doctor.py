"""The command ``doctor``: what an application would meet in an environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import Settings, open_store
from otel_session_agg import environment_variables as env
from otel_session_agg._cli import app
from otel_session_agg._cli import doctor as _doctor
from otel_session_agg._cli.doctor import diagnose
from otel_session_agg._cli.doctor_text import Section, as_json, as_text, notes_of, problems_of
from otel_session_agg.stores.base import Slot
from tests.support.builds import IS_COMPILED
from tests.support.scripts import command_line
from tests.support.servers import free_port, valkey

TODAY = date(2026, 11, 28)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nobody has set anything."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Section]]:
    """Look at everything with these variables."""

    def look(store: str | None = None, **variables: str) -> list[Section]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return diagnose(store, app._attempt, today=TODAY)

    return look


def facts(sections: list[Section], title: str) -> dict[str, Any]:
    """The values of one section."""
    return {fact.name: fact.value for section in sections if section.title == title for fact in section.facts}


class TestWell:
    """An environment in which nothing is wrong."""

    def test_nothing_set(self, looked: Callable[..., list[Section]]) -> None:
        """Where nothing is set there is no problem; notes say what may surprise."""
        found = looked()
        assert [] == problems_of(found)
        assert 3 == len(notes_of(found))
        assert {"library": metadata.version("otel-session-agg"), "compiled": IS_COMPILED} == {
            "library": facts(found, "otel-session-agg")["version"],
            "compiled": facts(found, "otel-session-agg")["compiled"],
        }
        assert f"genai-prices {metadata.version('genai-prices')}" == facts(found, "prices")["table"]
        assert date.fromisoformat(facts(found, "prices")["newest price"]) <= TODAY
        assert "openinference-instrumentation-openai" in facts(found, "instrumentations")

    def test_sources(self, looked: Callable[..., list[Section]]) -> None:
        """Each setting says where it comes from."""
        found = looked("memory://", OTEL_PYTHON_SESSION_AGG_LINGER="2", OTEL_PYTHON_SESSION_AGG_PROFILES="default,posthog")
        (section,) = (section for section in found if section.title == "settings")
        sources = {fact.name: (fact.value, fact.source) for fact in section.facts}
        assert set(Settings.__dataclass_fields__) == set(sources)
        assert (2.0, env.OTEL_PYTHON_SESSION_AGG_LINGER) == sources["linger_seconds"]
        assert (["default", "posthog"], env.OTEL_PYTHON_SESSION_AGG_PROFILES) == sources["profiles"]
        assert ("memory://", "argument") == sources["store"]
        assert (True, "default") == sources["outputs"]

    def test_zero_code(self, looked: Callable[..., list[Section]]) -> None:
        """With the exporter named there is nothing to say of it."""
        found = looked(OTEL_TRACES_EXPORTER="session_agg", OTEL_EXPORTER_OTLP_ENDPOINT="http://me:secret@host:4317")
        assert [] == problems_of(found)
        assert {
            "exporters": ["session_agg"],
            "OTLP endpoint": "http://me:***@host:4317",
            "behind session_agg": "otlp",
        }.items() <= (facts(found, "exporters").items())


@pytest.mark.slow
class TestProblems:
    """What would keep totals away is one plain sentence."""

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            (
                {"OTEL_PYTHON_SESSION_AGG_LINGER": "soon"},
                "OTEL_PYTHON_SESSION_AGG_LINGER='soon' is not allowed, so the default is used: use seconds from 0 to 3600.",
            ),
            (
                {"OTEL_PYTHON_SESSION_AGG_LINGRE": "1"},
                "OTEL_PYTHON_SESSION_AGG_LINGRE is no variable of this library: did you mean OTEL_PYTHON_SESSION_AGG_LINGER?",
            ),
            ({"OTEL_SDK_DISABLED": "True"}, "OTEL_SDK_DISABLED is true: there are no spans and no totals; unset it."),
            ({"OTEL_CONFIG_FILE": "/no/where.yaml"}, "OTEL_CONFIG_FILE names /no/where.yaml, which is no file."),
            ({"OTEL_TRACES_EXPORTER": "nope"}, "OTEL_TRACES_EXPORTER names 'nope', which is not installed."),
            ({"OTEL_TRACES_EXPORTER": "none"}, "OTEL_TRACES_EXPORTER is none: no span is exported."),
            (
                {"OTEL_TRACES_EXPORTER": "session_agg,otlp"},
                "OTEL_TRACES_EXPORTER names session_agg and otlp: every span is exported twice; session_agg alone exports by OTLP.",
            ),
            (
                {"OTEL_TRACES_EXPORTER": "session_agg", "OTEL_PYTHON_SESSION_AGG_EXPORTER": "nope"},
                "The exporter behind session_agg (OTEL_PYTHON_SESSION_AGG_EXPORTER) cannot be used: there is no exporter 'nope'",
            ),
            ({"OTEL_TRACES_SAMPLER": "nope"}, "OTEL_TRACES_SAMPLER names 'nope', which is no sampler that is installed"),
            (
                {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
                "OTEL_TRACES_SAMPLER is parentbased_always_off: traces that begin",
            ),
            (
                {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
                "OTEL_TRACES_SAMPLER_ARG='10%' is no share from 0 to 1, so every trace is sampled.",
            ),
            (
                {"OTEL_TRACES_SAMPLER": "session_agg_record_unsampled", "OTEL_TRACES_SAMPLER_ARG": "ten"},
                "OTEL_TRACES_SAMPLER is session_agg_record_unsampled, but OTEL_TRACES_SAMPLER_ARG='ten' is not allowed: use a share",
            ),
            ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "64"}, "A span keeps 64 attributes, so that usage, models and sessions are lost"),
            ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"}, "The SDK's limits cannot be read, so that tracing does not start: "),
            ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "200"}, "Values are cut after 200 characters, so that usage in JSON is lost"),
            (
                {"OTEL_PYTHON_SESSION_AGG_STORE": "foo://u:secret@h"},
                "The store cannot be used: no store is named 'foo://u:***@h'",
            ),
        ],
    )
    def test_variables(self, looked: Callable[..., list[Section]], variables: dict[str, str], expected: str) -> None:
        """Each is told of once, and nothing else."""
        problems = [problem for problem in problems_of(looked(**variables)) if "pip install opentelemetry-conf" not in problem]
        assert [True] == [problem.startswith(expected) for problem in problems], problems

    def test_prices(self, looked: Callable[..., list[Section]], monkeypatch: pytest.MonkeyPatch) -> None:
        """A table that cannot be read makes every cost unknown; an old one is a note."""
        monkeypatch.setattr(_doctor, "_table", lambda: (7, [date(2025, 1, 1), date(2030, 1, 1)]))
        assert any("no price in it is newer than 2025-01-01" in note for note in notes_of(looked()))
        monkeypatch.setattr(_doctor, "_table", lambda: 1 / 0)
        assert ["The price table cannot be read, so every cost is unknown: division by zero."] == problems_of(looked())

    def test_share_of_traces(self, looked: Callable[..., list[Section]]) -> None:
        """A share that is sampled is a note."""
        found = looked(OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0.25")
        assert [] == problems_of(found)
        assert any("samples a share of 0.25" in note for note in notes_of(found))
        advice = "OTEL_TRACES_SAMPLER=session_agg_record_unsampled OTEL_TRACES_SAMPLER_ARG=parentbased_traceidratio:0.25"
        assert any(advice in note for note in notes_of(found))
        found = looked(OTEL_TRACES_SAMPLER="session_agg_record_unsampled", OTEL_TRACES_SAMPLER_ARG="0.25")
        assert [] == problems_of(found)


class TestStore:
    """Whether the store can be reached."""

    def test_sqlite(self, looked: Callable[..., list[Section]], tmp_path: Path) -> None:
        """A file that is not there yet is not made; one that is no store is a problem."""
        path = tmp_path / "s.db"
        found = looked(f"sqlite:///{path}")
        assert ([], True, False) == (problems_of(found), facts(found, "store")["reachable"], path.exists())
        made = open_store(f"sqlite:///{path}")
        made.put([Slot("s:a", "w", 1, b"x")], ttl_seconds=60)
        made.close()
        assert [] == problems_of(looked(f"sqlite:///{path}"))
        path.write_text("This is no database, but a text that is long enough to be taken for one." * 20)
        (problem,) = problems_of(looked(f"sqlite:///{path}"))
        assert problem.startswith(f"The store sqlite:///{path} cannot be reached: ")
        (problem,) = problems_of(looked(f"sqlite:///{tmp_path}/no/s.db"))
        assert problem.endswith("/no is no folder that can be written to.")

    def test_redis(self, looked: Callable[..., list[Section]]) -> None:
        """A server is asked; one that is away is a problem, in which no password stands."""
        with valkey() as server:
            assert [] == problems_of(looked(server.url))
        found = looked(OTEL_PYTHON_SESSION_AGG_STORE=f"redis://me:secret@127.0.0.1:{free_port()}/0")
        (problem,) = problems_of(found)
        assert "cannot be reached: " in problem
        assert not facts(found, "store")["reachable"]
        assert "secret" not in as_json(found) + as_text(found)


@pytest.mark.slow
class TestCommand:
    """The command itself."""

    def test_json(self) -> None:
        """``--json`` is an object; without problems the exit code is 0."""
        ran = _run("--json")
        found = json.loads(ran.stdout)
        assert (0, [], "") == (ran.returncode, found["problems"], ran.stderr)
        assert {"value": 5.0, "source": "default"} == found["settings"]["linger_seconds"]
        assert metadata.version("opentelemetry-sdk") == found["otel-session-agg"]["opentelemetry-sdk"]

    def test_exit_code(self) -> None:
        """With a problem it is 1, and the sentence is on standard output."""
        ran = _run(OTEL_PYTHON_SESSION_AGG_LINGRE="\x1b[2J", OTEL_TRACES_SAMPLER="\x1b[2J", OTEL_TRACES_EXPORTER="session_agg")
        assert (1, "") == (ran.returncode, ran.stderr)
        assert "problem: OTEL_PYTHON_SESSION_AGG_LINGRE is no variable" in ran.stdout
        assert "no problem was found" not in ran.stdout
        assert "\x1b" not in ran.stdout

    def test_text(self) -> None:
        """People are told that nothing is wrong."""
        ran = _run("--store", "memory://")
        assert (0, True) == (ran.returncode, ran.stdout.endswith("no problem was found\n"))


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return command_line("doctor", *arguments, env={**kept, **variables})
