"""The layers: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import otel_session_agg

PACKAGE = Path(otel_session_agg.__file__).parent
ROOMS: Mapping[str, frozenset[str]] = {
    "ground": frozenset(
        [
            "_deadlines",
            "_exceptions",
            "_formatting",
            "_guard",
            "_json",
            "_masked",
            "_reasons",
            "_recent",
            "_scope",
            "_settings",
            "_values",
            "attributes",
            "environment_variables",
        ]
    ),
    **{
        name: frozenset({name})
        for name in ("_threads", "_model", "conventions", "stores", "_reading", "_spans", "_made_spans", "testing")
    },
    **{name: frozenset({name}) for name in ("_trace", "_pricing", "_sharing", "_api", "_sessions", "_writing", "_sdk")},
    "the package itself": frozenset({""}),
    "_cli": frozenset({"_cli", "__main__"}),
}
"""The rooms, from the lowest to the highest, and what is in them at the top: modules import those of their room and of lower ones."""

_IMPURE = frozenset(
    {"opentelemetry", "time", "threading", "socket", "http", "urllib", "ssl", "asyncio", "random", "httpx", "requests"}
)
_PURE = frozenset({"ground", "_model", "conventions", "_reading", "_trace", "_pricing", "_sessions"})
"""Rooms without SDK, clock, thread or I/O."""
_EXCEPT = {"_pricing.regions": "urllib.parse takes an address apart; nothing is sent"}
_MAX_LINES = 300
_MAX_COLUMNS = 100
_MAX_FUNCTION_LINES = 60
COMPILED = [
    path.removesuffix("/__init__").replace("/", ".")
    for path in re.findall(r'"otel_session_agg/(.*)\.py",', (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
]
_HEAVY = ("genai_prices", "typer", "rich", "openai", "httpx", "httpx2", "requests", "redis")


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
        assert all(rank(module) >= 0 for module in MODULES)
        assert set().union(*ROOMS.values()) == {module.partition(".")[0] for module in MODULES}

    def test_some_are_found(self) -> None:
        """The imports are really read."""
        assert {"_exceptions", "_guard", "_masked", "_values", "environment_variables"} == imports_of_ours("_settings")
        assert {"_reasons", "_sdk.batches", "_threads.apart", "_threads.suppress"} < imports_of_ours("_sdk.worker")

    @pytest.mark.parametrize("module", MODULES)
    def test_no_upward_edge(self, module: str) -> None:
        """A module imports its own room and lower ones only."""
        assert {} == {other: room(other) for other in imports_of_ours(module) if rank(other) > rank(module)}

    def test_no_cycle(self) -> None:
        """No module imports itself, over however many others."""
        graph = {module: imports_of_ours(module) for module in MODULES}
        assert len(MODULES) == len(list(TopologicalSorter(graph).static_order()))


class TestPurity:
    """Everything that can be wrong about money is a function call."""

    @pytest.mark.parametrize("module", [module for module in PURE if module not in _EXCEPT])
    def test_pure(self, module: str) -> None:
        """No SDK, network, clock, thread or chance."""
        assert set() == {name for name in imported(module) if name.split(".")[0] in _IMPURE}

    @pytest.mark.parametrize("module", [module for module in PURE if module != "_settings"])
    def test_no_environment(self, module: str) -> None:
        """Only the settings read the environment."""
        assert "os" not in imported(module)

    def test_exceptions_are_needed(self) -> None:
        """Each exception stands for an import that is there."""
        assert set(_EXCEPT) == {module for module in _EXCEPT if {name.split(".")[0] for name in imported(module)} & _IMPURE}

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

    @pytest.mark.parametrize("module", MODULES)
    def test_module(self, module: str) -> None:
        """A module can be read in one go."""
        assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= _MAX_LINES

    @pytest.mark.parametrize("module", MODULES)
    def test_lines(self, module: str) -> None:
        """Two modules fit beside each other on a screen; ruff looks over lines that end in one of its own directives."""
        lines = MODULES[module].read_text(encoding="utf-8").splitlines()
        assert [] == [line for line in lines if len(line) > _MAX_COLUMNS]

    @pytest.mark.parametrize("module", MODULES)
    def test_functions(self, module: str) -> None:
        """A function fits on a screen."""
        functions = [node for node in ast.walk(_tree(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
        assert {} == {name: lines for name, lines in lengths.items() if lines > _MAX_FUNCTION_LINES}


class TestCompiled:
    """What a compiled build compiles."""

    def test_list(self) -> None:
        """The list was found."""
        assert {"_trace.engine", "_reading.span"} <= set(COMPILED)

    @pytest.mark.parametrize("module", COMPILED)
    def test_module(self, module: str) -> None:
        """It is there, and values of the SDK, threads and clocks are none of its business: they are what users replace."""
        assert MODULES.keys() >= {module}
        assert _IMPURE.isdisjoint(name.split(".")[0] for name in imported(module))


class TestImportingIsCheap:
    """Being imported costs nothing that is not used."""

    def test_nothing_heavy(self) -> None:
        """The price table and the command line's libraries are imported when they are used."""
        script = f"import sys, otel_session_agg; print(sorted(set({_HEAVY!r}) & sys.modules.keys()))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        assert "[]" == done.stdout.strip()

    def test_all_is_sorted(self) -> None:
        """What is exported is sorted and there."""
        assert sorted(otel_session_agg.__all__) == otel_session_agg.__all__
        assert all(hasattr(otel_session_agg, name) for name in otel_session_agg.__all__)
