"""The page on stored traces is true: its commands and its program print what it says."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDER = ROOT / "examples" / "offline"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    (command, output)
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for command, output in re.findall(r"^\$ ([^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", block, flags=re.MULTILINE)
]
"""Commands, and what they print on both outputs, as a terminal shows it."""
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)

_VERSION = re.compile(r"(?<=genai-prices )[\d.]+")


def _run(command: list[str]) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=FOLDER, env=environ, capture_output=True, text=True, encoding="utf-8", check=True)  # noqa: S603
    return "\n".join(line.rstrip() for line in (done.stdout.replace("\r\n", "\n") + done.stderr).splitlines()) + "\n"


class TestPage:
    """``examples/offline/README.md``."""

    def test_some_are_there(self) -> None:
        """Commands and programs are really found."""
        assert (True, 1) == (len(COMMANDS) >= 6, len(PROGRAMS))

    @pytest.mark.slow
    @pytest.mark.parametrize(("command", "output"), COMMANDS)
    def test_commands(self, command: str, output: str) -> None:
        """Every command prints what it says."""
        assert _VERSION.sub("", output) == _VERSION.sub("", _run(["bash", "-c", command]))

    @pytest.mark.slow
    @pytest.mark.parametrize(("program", "output"), PROGRAMS)
    def test_programs(self, program: str, output: str) -> None:
        """So does the program."""
        assert output == _run([sys.executable, "-c", program])

    @pytest.mark.slow
    def test_readme(self) -> None:
        """The README's command prints what it says."""
        found = re.search(
            r"^\$ (otel-session-agg replay examples/offline/[^\n]*)\n(.*?)```", README, flags=re.MULTILINE | re.DOTALL
        )
        assert found is not None
        assert found[2] == _run(["bash", "-c", found[1].replace("examples/offline/", "")])

    @pytest.mark.slow
    def test_spark(self, tmp_path: Path) -> None:
        """Spark, where it is installed, sums the tables to what the page says."""
        pytest.importorskip("pyspark")
        _run(["otel-session-agg", "replay", "chats.jsonl", "--parquet", str(tmp_path), "--json"])
        output = _run([sys.executable, "../spark/sum_costs.py", str(tmp_path)])
        [shown] = re.findall(r"```text\n(ada .*?)```", PAGE, flags=re.DOTALL)
        assert set(shown.splitlines()) <= {line.rpartition("\r")[2].strip() for line in output.splitlines()}

    def test_chats(self, tmp_path: Path) -> None:
        """The traces are those that the program beside them makes."""
        copied = tmp_path / "make_chats.py"
        copied.write_bytes((FOLDER / "make_chats.py").read_bytes())
        runpy.run_path(str(copied), run_name="__main__")
        assert (FOLDER / "chats.jsonl").read_text("utf-8") == (tmp_path / "chats.jsonl").read_text("utf-8")
