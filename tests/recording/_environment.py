"""Environments: one a stack, with just its packages."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .stacks import Stack

_HERE = Path(__file__).parent
_INSTALL_SECONDS = 900
_LIST_VERSIONS = "import json; from importlib.metadata import distributions as d; print(json.dumps({x.name: x.version for x in d() if x.name}))"


@dataclasses.dataclass(frozen=True)
class Environment:
    """A folder in which a stack is installed, with its driver and the harness."""

    folder: Path
    command: tuple[str, ...]
    """Runs the driver; the stack's options are to follow."""
    versions: dict[str, str]
    """Of everything that is installed; by name."""

    def pinned(self, packages: tuple[str, ...]) -> tuple[str, ...]:
        """The same requirements, each at the version that is installed."""
        separator = "@" if (self.folder / "package.json").exists() else "=="
        return tuple(f"{package}{separator}{self._version(package)}" for package in packages)

    def _version(self, package: str) -> str:
        name = re.sub(r"[<>=!~;\[].*", "", package)
        return next((version for known, version in self.versions.items() if _same(known, name)), "?")


def _same(one: str, other: str) -> bool:
    """Whether two names of distributions mean the same one."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


class InstallError(Exception):
    """An environment could not be made."""


def prepare(stack: Stack, folder: Path, *, latest: bool) -> Environment:
    """Install a stack, unless the folder already has just these requirements, and copy its driver there."""
    wanted = json.dumps([stack.python, stack.requirements(latest=latest)])
    mark = folder / "requirements.json"
    if latest or not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (_install_node if stack.is_node else _install_python)(stack, folder, stack.requirements(latest=latest))
        mark.write_text(wanted, encoding="utf-8")
    return _node(stack, folder) if stack.is_node else _python(stack, folder)


def _run(*command: str, cwd: Path | None = None) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS, cwd=cwd)  # noqa: S603 - made of stacks
    if done.returncode:
        raise InstallError(f"{' '.join(command)}\n{done.stderr.strip()}")  # noqa: EM102, TRY003
    return done.stdout


def _interpreter(folder: Path) -> str:
    return str(folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python")


def _install_python(stack: Stack, folder: Path, packages: tuple[str, ...]) -> None:
    needed = (*packages, "opentelemetry-sdk")
    venv = str(folder / "venv")
    uv = shutil.which("uv")
    if uv:
        _run(uv, "venv", "--quiet", "--seed", "--python", stack.python, venv)
        _run(
            uv, "pip", "install", "--quiet", "--prerelease", "if-necessary-or-explicit", "--python", _interpreter(folder), *needed
        )
        return
    _run(shutil.which(f"python{stack.python}") or sys.executable, "-m", "venv", venv)
    _run(_interpreter(folder), "-m", "pip", "install", "--quiet", *needed)


def _python(stack: Stack, folder: Path) -> Environment:
    """The driver gets a name of its own: under its own it would hide the library of the same name."""
    work = _copy(folder, [*(_HERE / "drivers").glob("_*.py")])
    main = work / "driver_.py"
    shutil.copyfile(_HERE / "drivers" / f"{stack.driver}.py", main)
    python = _interpreter(folder)
    return Environment(folder, (python, str(main)), json.loads(_run(python, "-c", _LIST_VERSIONS)))


def _install_node(_: Stack, folder: Path, packages: tuple[str, ...]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is needed for this stack")  # noqa: EM101, TRY003
    (folder / "package.json").write_text(json.dumps({"name": "stack", "private": True, "type": "module"}), encoding="utf-8")
    _run(npm, "install", "--no-audit", "--no-fund", "--silent", *packages, cwd=folder)


def _node(stack: Stack, folder: Path) -> Environment:
    work = _copy(folder, [*(_HERE / "node").glob("_*.mjs"), _HERE / "node" / stack.driver])
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    versions = {
        path.removeprefix("node_modules/"): package["version"]
        for path, package in lock["packages"].items()
        if path.count("node_modules/") == 1 and "version" in package
    }
    return Environment(folder, (shutil.which("node") or "node", str(work / stack.driver)), versions)


def _copy(folder: Path, files: list[Path]) -> Path:
    """A folder inside the environment, so that the driver finds its libraries."""
    work = folder / "driver"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for file in files:
        shutil.copyfile(file, work / file.name)
    return work
