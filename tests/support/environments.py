"""Virtual environments with packages that are too heavy for the ``test`` extra, made by ``uv`` when a test first needs one.

``environment("langchain", ["langchain>=1.4,<2"])`` is the Python of one that has this project, installed in place from the
checkout, and what is asked for.  It is made once in a test run and removed at its end; where ``ENVIRONMENTS_FOLDER`` names a
folder, it is kept there and used again as long as everything that decides about it is the same.

It needs the checkout and the package index, so the modules that use it have to be skipped where the tests run without them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from tests.support.paths import ROOT

__all__ = ["ENVIRONMENTS_FOLDER", "HAS_CHECKOUT", "environment", "variables"]

ENVIRONMENTS_FOLDER = "OTEL_SESSION_AGG_TEST_ENVIRONMENTS"
"""Variable with the folder where environments are kept between runs."""


HAS_CHECKOUT = (ROOT / "otel_session_agg").is_dir()
"""Whether the project's source is beside its tests."""

_COMPLETE = "complete.txt"
"""File in an environment that nothing is missing from: what it was made of."""

_INSTALL_SECONDS = 900

_OURS = ("OTEL_", "OPENAI_", "ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_", "LOGFIRE_", "AWS_LAMBDA_", "GUNICORN_", "PYTEST_")
"""Beginnings of names of variables that would change what a program under test does."""

_NOT_THEIRS = {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
"""What holds for the Python of the tests; without bytecode, each start of a program would compile large packages again."""


def environment(name: str, requirements: Sequence[str], *, extras: Sequence[str] = ()) -> Path:
    """The Python of an environment with this project and ``requirements``; ``extras`` are this project's own.

    Raises:
        RuntimeError: it could not be made; the message has what ``uv`` said.

    """
    return _made(name, tuple(requirements), tuple(extras))


def variables(**more: str) -> dict[str, str]:
    """The variables of a program that is run for a test: none that would change what it does, but ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) and name not in _NOT_THEIRS}
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", **more}


@cache
def _made(name: str, requirements: tuple[str, ...], extras: tuple[str, ...]) -> Path:
    project = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    recipe = "\n".join([sys.version, sys.executable, project, (ROOT / "pyproject.toml").read_text("utf-8"), *requirements])
    folder = _folder() / f"{name}-{sha256(recipe.encode()).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / _COMPLETE).exists():
        _uv("venv", "--clear", "--python", sys.executable, str(folder), of=name)
        _uv("pip", "install", "--python", str(python), "--editable", project, *requirements, of=name)
        (folder / _COMPLETE).write_text(recipe, "utf-8")
    return python


@cache
def _folder() -> Path:
    kept = os.environ.get(ENVIRONMENTS_FOLDER)
    if kept:
        return Path(kept).resolve()
    folder = mkdtemp(prefix="otel-session-agg-environments-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _uv(*arguments: str, of: str) -> None:
    """Run ``uv``, of the ``test`` extra."""
    from uv import find_uv_bin  # noqa: PLC0415 -- only where environments are made

    command = [find_uv_bin(), *arguments, "--quiet"]
    done = subprocess.run(  # noqa: S603
        command, env=variables(), capture_output=True, encoding="utf-8", timeout=_INSTALL_SECONDS, check=False
    )
    if done.returncode:
        message = f"the environment {of!r} could not be made: {' '.join(command)}\n{done.stderr}"
        raise RuntimeError(message)
