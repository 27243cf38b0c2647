"""The layers: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import otel_session_agg
from tests.support.scripts import printed

PACKAGE = Path(otel_session_agg.__file__).parent
ROOMS: Mapping[str, frozenset[str]] = {
    "ground": frozenset(
        [
            "_collections",
            "_exceptions",
            "_extras",
            "_guard",
            "_reasons",
            "_setting_rules",
            "_settings",
            "_untrusted",
            "attributes",
            "environment_variables",
        ]
    ),
    **{
        name: frozenset({name})
        for name in ("_threads", "_model", "conventions", "stores", "_reading", "_spans", "_files", "_otlp", "testing")
    },
    **{
        name: frozenset({name})
        for name in (
            "_trace",
            "_pricing",
            "_explain",
            "_sharing",
            "_api",
            "_sessions",
            "_writing",
            "_sdk",
            "_history",
            "_offline",
            "analysis",
            "_alerts",
            "_live",
            "_views",
            "_page",
            "_serve",
        )
    },
    "the package itself": frozenset({""}),
    "_cli": frozenset({"_cli", "__main__"}),
}
"""The rooms, from the lowest to the highest, and what is in them at the top: modules import those of their room and of lower ones."""

_IMPURE = frozenset(
    {"opentelemetry", "time", "threading", "socket", "http", "urllib", "ssl", "asyncio", "random", "httpx", "requests"}
)
_PURE = frozenset({"ground", "_model", "conventions", "_reading", "_trace", "_pricing", "_explain", "_sessions"})
"""Rooms without SDK, clock, thread or I/O."""
_EXCEPT = {"_pricing.regions": "urllib.parse takes an address apart; nothing is sent"}
_MAX_LINES = 300
_MAX_COLUMNS = 100
_MAX_FUNCTION_LINES = 60
COMPILED = [
    path.removesuffix("/__init__").replace("/", ".")
    for path in re.findall(r'"otel_session_agg/(.*)\.py",', (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
]
_HEAVY = (
    "genai_prices",
    "typer",
    "rich",
    "openai",
    "httpx",
    "httpx2",
    "requests",
    "redis",
    "duckdb",
    "msgspec",
    "zstandard",
    "plotly",
    "fastapi",
    "uvicorn",
    "dash",
    "dash_mantine_components",
    "dash_ag_grid",
    "apprise",
)


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """The room of a module."""
    top = module.partition(".")[0]
    return next(name for name, tops in ROOMS.items() if top in tops)


def rank(module: str) -> int:
    """The number of a module's room."""
    return list(ROOMS).index(room(module))


PURE = [module for module in MODULES if room(module) in _PURE]


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _lines() -> dict[str, list[str]]:
    return {module: path.read_text(encoding="utf-8").splitlines() for module, path in MODULES.items()}


@cache
def imported(module: str) -> set[str]:
    """Full names of all modules that a module imports, wherever in it; members of packages as far as they are modules."""
    names: set[str] = set()
    package = ["otel_session_agg", *module.split(".")] if module else ["otel_session_agg"]
    if MODULES[module].name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            members = {f"{base}.{alias.name}" for alias in node.names}
            modules = {name for name in members if name.removeprefix("otel_session_agg.") in MODULES}
            names.update(modules or {base})
            if modules and len(modules) < len(members):
                names.add(base)
    return names


def impure(module: str) -> set[str]:
    """Modules of SDK, network, clock, thread or chance that a module imports."""
    return {name for name in imported(module) if name.split(".")[0] in _IMPURE}


def imports_of_ours(module: str) -> set[str]:
    """Names of the package's own modules that a module imports."""
    ours = {
        name.removeprefix("otel_session_agg").lstrip(".") for name in imported(module) if name.split(".")[0] == "otel_session_agg"
    }
    return ours & MODULES.keys()


class TestImports:
    """Imports go down only."""

    def test_all_have_a_room(self) -> None:
        """Every module is in a room, and every name in a room is a module's."""
        assert set().union(*ROOMS.values()) == {module.partition(".")[0] for module in MODULES}

    def test_some_are_found(self) -> None:
        """The imports are really read."""
        assert {
            "_exceptions",
            "_guard",
            "_setting_rules",
            "_untrusted.masked",
            "attributes",
            "environment_variables",
        } == imports_of_ours("_settings")
        assert {"_reasons", "_sdk.held", "_threads.apart"} < imports_of_ours("_sdk.worker")

    def test_no_upward_edge(self) -> None:
        """A module imports its own room and lower ones only."""
        edges = ((module, other) for module in MODULES for other in imports_of_ours(module))
        assert [] == [(module, other) for module, other in edges if rank(other) > rank(module)]

    def test_no_cycle(self) -> None:
        """No module imports itself, over however many others."""
        graph = {module: imports_of_ours(module) for module in MODULES}
        assert len(MODULES) == len(list(TopologicalSorter(graph).static_order()))


class TestPurity:
    """Everything that can be wrong about money is a function call."""

    def test_pure(self) -> None:
        """No SDK, network, clock, thread or chance, but for the exceptions, each of which is needed."""
        assert set(_EXCEPT) == {module for module in PURE if impure(module)}

    def test_no_environment(self) -> None:
        """Only the settings read the environment."""
        assert ["_settings"] == [module for module in PURE if "os" in imported(module)]

    def test_one_boundary(self) -> None:
        """Only the guard catches every exception, and the command for whoever typed it."""
        caught = {
            module
            for module in MODULES
            if not module.startswith("_cli.demo")
            for node in ast.walk(_tree(module))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        }
        assert {"_cli.app", "_guard"} == caught


class TestSizes:
    """Small modules and functions."""

    def test_module(self) -> None:
        """A module can be read in one go."""
        assert {} == {module: len(lines) for module, lines in _lines().items() if len(lines) > _MAX_LINES}

    def test_lines(self) -> None:
        """Two modules fit beside each other on a screen; ruff looks over lines that end in one of its own directives."""
        assert [] == [(module, line) for module, lines in _lines().items() for line in lines if len(line) > _MAX_COLUMNS]

    def test_functions(self) -> None:
        """A function fits on a screen."""
        functions = [
            (module, node.name, (node.end_lineno or 0) - node.lineno + 1)
            for module in MODULES
            for node in ast.walk(_tree(module))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        assert [] == [function for function in functions if function[2] > _MAX_FUNCTION_LINES]


class TestCompiled:
    """What a compiled build compiles."""

    def test_list(self) -> None:
        """The list was found."""
        assert {"_trace.engine", "_reading.span"} <= set(COMPILED)

    def test_modules(self) -> None:
        """They are there, and values of the SDK, threads and clocks are none of their business: they are what users replace."""
        assert set(COMPILED) <= MODULES.keys()
        assert [] == [module for module in COMPILED if impure(module)]


class TestImportingIsCheap:
    """Being imported costs nothing that is not used."""

    @pytest.mark.slow
    def test_nothing_heavy(self) -> None:
        """The price table and the command line's libraries are imported when they are used."""
        script = f"import sys, otel_session_agg; print(sorted(set({_HEAVY!r}) & sys.modules.keys()))"
        assert "[]" == printed(script).strip()

    def test_all_is_sorted(self) -> None:
        """What is exported is sorted and there."""
        assert sorted(otel_session_agg.__all__) == otel_session_agg.__all__
        assert all(hasattr(otel_session_agg, name) for name in otel_session_agg.__all__)
