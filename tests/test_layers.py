"""The layers: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import otel_session_agg

PACKAGE = Path(otel_session_agg.__file__).parent
_CONVENTIONS = "conventions."
_CONVENTION_PARTS = {
    "conventions._convention": 1,
    "conventions._table": 1,
    "conventions._versions": 1,
    "conventions._kind": 2,
    "conventions._usage_text": 2,
    "conventions._cost": 2,
    "conventions._usage": 2,
    "conventions": 3,
}
RANKS = {
    "_exceptions": 0,
    "_guard": 0,
    "_deadlines": 0,
    "_model": 0,
    "_names": 0,
    "_reasons": 0,
    "_suppress": 0,
    "_values": 0,
    "environment_variables": 0,
    "_figures": 1,
    "_links": 1,
    "_model_names": 1,
    "_outputs": 1,
    "_price_rates": 1,
    "_price_catalogue": 1,
    "_price_overrides": 1,
    "_pricing": 1,
    "_rollup": 1,
    "_settings": 1,
    **_CONVENTION_PARTS,
    "_calls": 2,
    "_nesting": 2,
    "_sums": 2,
    "_roots": 2,
    "_traces": 2,
    "_writer": 2,
    "_engine": 3,
    "_pipeline": 4,
    "_sdk": 4,
    "_processor": 6,
    "_cli": 7,
    "_demo": 7,
    "__main__": 7,
    "testing": 7,
    "": 7,
}
"""Rank of each module of the package; a convention's table is of rank 2, a part of the demo of the demo's rank."""

_IMPURE = frozenset(
    {"opentelemetry", "time", "threading", "socket", "http", "urllib", "ssl", "asyncio", "random", "httpx", "requests"}
)
_PURE_BELOW = 4
_EXCEPT = {
    "_suppress": "the one key that marks suppressed work belongs to the API",
    "_price_catalogue": "urllib.parse takes an address apart; nothing is sent",
}
_MAX_LINES = 300
_MAX_FUNCTION_LINES = 60
_HEAVY = ("genai_prices", "typer", "rich", "openai", "httpx", "httpx2", "requests")


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def rank(module: str) -> int:
    """The rank of a module."""
    if module.startswith("_demo."):
        return RANKS["_demo"]
    if module.startswith(_CONVENTIONS) and not module.startswith("conventions._"):
        return 2
    return RANKS[module]


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

    def test_all_are_ranked(self) -> None:
        """Every module has a rank, and every rank is that of a module."""
        assert MODULES.keys() == {module for module in MODULES if rank(module) is not None} | RANKS.keys()

    def test_some_are_found(self) -> None:
        """The imports are really read."""
        assert {"_guard", "_pipeline", "_pricing", "_reasons", "_settings", "_suppress"} == imports_of_ours("_processor")
        assert {"_exceptions", "_values", "environment_variables"} == imports_of_ours("_settings")

    @pytest.mark.parametrize("module", MODULES)
    def test_no_upward_edge(self, module: str) -> None:
        """A module imports its own rank and lower ones."""
        assert {} == {other: rank(other) for other in imports_of_ours(module) if rank(other) > rank(module)}

    def test_no_cycle(self) -> None:
        """No module imports itself, over however many others."""
        graph = {module: imports_of_ours(module) for module in MODULES}
        assert len(MODULES) == len(list(TopologicalSorter(graph).static_order()))


class TestPurity:
    """Everything that can be wrong about money is a function call."""

    @pytest.mark.parametrize("module", [module for module in MODULES if rank(module) < _PURE_BELOW and module not in _EXCEPT])
    def test_pure(self, module: str) -> None:
        """No SDK, network, clock, thread or chance."""
        assert set() == {name for name in imported(module) if name.split(".")[0] in _IMPURE}

    @pytest.mark.parametrize("module", [module for module in MODULES if rank(module) < _PURE_BELOW and module != "_settings"])
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
            if not module.startswith("_demo")
            for node in ast.walk(_tree(module))
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        }
        assert {"_cli", "_guard"} == caught


class TestSizes:
    """Small modules and functions."""

    @pytest.mark.parametrize("module", MODULES)
    def test_module(self, module: str) -> None:
        """A module can be read in one go."""
        assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= _MAX_LINES

    @pytest.mark.parametrize("module", MODULES)
    def test_functions(self, module: str) -> None:
        """A function fits on a screen."""
        functions = [node for node in ast.walk(_tree(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
        assert {} == {name: lines for name, lines in lengths.items() if lines > _MAX_FUNCTION_LINES}


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
