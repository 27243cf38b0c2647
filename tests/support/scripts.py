"""Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from textwrap import dedent

_TIMEOUT_SECONDS = 300


def printed(body: str, *arguments: object, forks: bool = False) -> str:
    """What a script prints, which must succeed and say nothing else; newer versions of Python warn of forks beside threads."""
    warnings = ["-W", "error", *(["-W", "ignore::DeprecationWarning"] if forks else [])]
    command = [sys.executable, *warnings, "-c", dedent(body), *map(str, arguments)]
    done = _run(command, {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def command_line(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What ``otel-session-agg`` does with arguments."""
    return _run([sys.executable, "-m", "otel_session_agg", *arguments], env)


def _run(command: list[str], env: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=_TIMEOUT_SECONDS, check=False)  # noqa: S603
