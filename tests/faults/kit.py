"""What an attack is, how those of this folder are found, and how one runs in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.builds import IS_COMPILED

FOLDER = Path(__file__).parent
_TOP = FOLDER.parents[1]
_NO_ATTACKS = frozenset({"kit", "programs"})
SECONDS = 60.0
"""How long a process may take before it hangs, for sure."""

_RUN = """
import faulthandler, importlib, json, sys
faulthandler.enable()
module, name, arguments = sys.argv[1:]
getattr(importlib.import_module(module), name)(**json.loads(arguments))
"""

Run = Callable[[random.Random, int], None]
"""Attacks so many rounds; raises ``AssertionError`` when something does not hold."""


class Attack(NamedTuple):
    """One attack: what it runs, and its rounds in the short form and in the long one."""

    run: Run
    short: int
    long: int
    plain_only: bool
    """Whether it holds in plain Python only, as README says."""

    @property
    def name(self) -> str:
        """Its name: that of its module and of its function."""
        return f"{self.run.__module__.rpartition('.')[2]}.{self.run.__name__}"

    def start(self, seed: int, *, is_long: bool = False) -> None:
        """Run it; the same seed gives the same attack."""
        self.run(random.Random(f"{self.name}-{seed}"), self.long if is_long else self.short)  # noqa: S311 -- to be repeated


_found: dict[str, Attack] = {}


def attack(short: int, long: int, *, plain_only: bool = False) -> Callable[[Run], Run]:
    """Mark a function as an attack; its rounds in the short form, which takes at most a few seconds, and in the long one."""

    def mark(run: Run) -> Run:
        found = Attack(run, short, long, plain_only)
        _found[found.name] = found
        return run

    return mark


def modules() -> list[str]:
    """The modules of this folder that have attacks."""
    names = (path.stem for path in sorted(FOLDER.glob("*.py")))
    return [name for name in names if not name.startswith(("_", "test_")) and name not in _NO_ATTACKS]


def attacks(*names: str) -> list[Attack]:
    """The attacks of modules; of all of them when none is named."""
    wanted = names or tuple(modules())
    for name in wanted:
        importlib.import_module(f"{__package__}.{name}")
    return [one for one in _found.values() if one.name.partition(".")[0] in wanted and not (IS_COMPILED and one.plain_only)]


class Ended(NamedTuple):
    """What became of a process."""

    status: int
    """As the system tells it: negative for a signal."""
    stdout: str
    stderr: str

    @property
    def said(self) -> Any:
        """The last line of its output, which is JSON; fails when it did not end well."""
        assert 0 == self.status, self.stderr
        return json.loads(self.stdout.splitlines()[-1])


def say(value: Any) -> None:
    """Let the parent know; what ``Ended.said`` returns."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def apart(
    function: Callable[..., None],
    *,
    python: str = sys.executable,
    seconds: float = SECONDS,
    env: dict[str, str] | None = None,
    **arguments: Any,
) -> Ended:
    """Run a function of a module in a new interpreter to its end.

    Args:
        function: It is imported there by its name; ``arguments`` go through JSON.
        python: The interpreter.
        seconds: Time after which it is killed, with the tracebacks of all threads in what it says, and the attack fails.
        env: Environment variables beside those of this process.
        arguments: What the function is called with.

    """
    command = [python, "-c", _RUN, function.__module__, function.__name__, json.dumps(arguments)]
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=_TOP,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # the tracebacks of all threads
        try:
            stdout, stderr = process.communicate(timeout=5.0)
        except subprocess.TimeoutExpired:
            stdout, stderr = "", "it is stuck in C code"
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        message = f"{function.__name__}({arguments}) hangs\n{stdout}\n{stderr}"
        raise AssertionError(message) from None
    return Ended(process.returncode, stdout, stderr)
