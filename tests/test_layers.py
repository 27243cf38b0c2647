"""The layers: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import otel_session_agg

PACKAGE = Path(otel_session_agg.__file__).parent
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        # values, words and small tools
        "_formatting stores._masked",
        (
            "_exceptions _guard _imports _deadlines _json _model _model_names _names _price_corrections _price_modalities _price_models"
            " _price_regions _reasons _recent _scope _store _suppress _values environment_variables"
            " conventions._literals conventions._room conventions._says conventions._term_rows"
        ),
        (
            "_budget_scopes _figures _links _metric_labels _outputs _span_counts _price_weights _reading _rollup _settings"
            " conventions._convention conventions._objects conventions._marks conventions._operations"
            " stores._redis_link stores._redis_names stores._redis_scripts stores._sqlite_files stores._sqlite_tables"
        ),
        "conventions._usage_names",
        (
            "_calls _claims _price_rates _tally _session_totals conventions._billed conventions._terms"
            " conventions._proofs conventions._session_keys conventions._versions conventions.* stores.*"
        ),
        "_price_overrides _price_quotes _window conventions._user_keys",
        # what counts, what it costs, how tables are read
        "_labels _nesting _price_catalogue _session_record _session_values _sums conventions._table conventions._usage_shapes stores",
        "_pricing _session_codec conventions._usage_text",
        "_owners _price_report _session_slots _session_state _writer conventions._cost conventions._kind conventions._stated",
        "_outlived _own_metadata _profiles _trace_state conventions._spellings",
        "_homes",
        "_folding",
        "_traces conventions._usage",
        "_same_id",
        "_budget_errors _elsewhere _gathering _ledger _members _ready _recent_calls _roots conventions",
        # the engine, and what stands in a store
        "_arrived _desk _engine _inputs _naming",
        "_arrivals",
        # from here on the SDK, clocks and threads
        "_background _handing_on _outbox _report _sampling _sdk _store_log _threads",
        "_apart _fetches _messages _stopping _turns",
        "_parents _store_queue",
        "_caller _conditions _context _courier _report_text _summary",
        "_accounts _baggage _registry",
        "_blocks",
        "_asking _blind_spots",
        "_budgets",
        "_limits",
        "_publisher",
        "_departures _session_block",
        "_enrichment _keeper",
        "_leaving",
        "_pipeline _together",
        "_batches",
        "_runner",
        "_telemetry",
        "_aggregation",
        "_given",
        # doors
        "_companion _doctor_text _downstreams _processor",
        "_exporter",
        "",
        "_doctor_sdk",
        "testing _cli_prices _cli_sessions _demo _demo.* _doctor",
        "_cli",
        "__main__",
    )
)
"""Modules from the lowest layer to the highest: each may import those of lower layers only.

``conventions.*`` stands for the convention tables, ``stores.*`` for the stores, ``_demo.*`` for the parts of the demo, which
import each other.
"""

_IMPURE = frozenset(
    {"opentelemetry", "time", "threading", "socket", "http", "urllib", "ssl", "asyncio", "random", "httpx", "requests"}
)
_PURE_BELOW = next(number for number, names in enumerate(LAYERS) if "_sdk" in names)
_DOES_IO = "stores"
"""The one package below that whose purpose is I/O: a store has files, connections, a clock, and knows its process."""
_EXCEPT = {
    "_suppress": "the one key that marks suppressed work belongs to the API",
    "_price_regions": "urllib.parse takes an address apart; nothing is sent",
}
_MAX_LINES = 300
_MAX_FUNCTION_LINES = 60
COMPILED = [
    path.removesuffix("/__init__").replace("/", ".")
    for path in re.findall(r'"otel_session_agg/(.*)\.py",', (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
]
_HEAVY = ("genai_prices", "typer", "rich", "openai", "httpx", "httpx2", "requests", "redis")


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def rank(module: str) -> int:
    """The number of a module's layer."""
    package, _, name = module.rpartition(".")
    group = f"{package}.*" if package and (package == "_demo" or not name.startswith("_")) else module
    return next(number for number, names in enumerate(LAYERS) if group in names or (module == "" and not names))


PURE = [module for module in MODULES if rank(module) < _PURE_BELOW and module.split(".")[0] != _DOES_IO]


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
        """Every module has a layer, and every name in a layer is a module's."""
        assert all(rank(module) >= 0 for module in MODULES)
        assert set() == {name for names in LAYERS for name in names if not name.endswith(".*")} - MODULES.keys()

    def test_some_are_found(self) -> None:
        """The imports are really read."""
        assert {
            "_apart",
            "_batches",
            "_courier",
            "_handing_on",
            "_keeper",
            "_messages",
            "_reasons",
            "_stopping",
            "_suppress",
            "_threads",
            "_together",
            "_turns",
        } == imports_of_ours("_runner")
        assert {"_exceptions", "_guard", "_values", "environment_variables", "stores._masked"} == imports_of_ours("_settings")

    @pytest.mark.parametrize("module", MODULES)
    def test_no_upward_edge(self, module: str) -> None:
        """A module imports lower layers only."""
        others = {other for other in imports_of_ours(module) if not (module.startswith("_demo") and other.startswith("_demo"))}
        assert {} == {other: rank(other) for other in others if rank(other) >= rank(module)}

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


class TestCompiled:
    """What a compiled build compiles."""

    def test_list(self) -> None:
        """The list was found."""
        assert {"_engine", "conventions"} <= set(COMPILED)

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
