"""The README tells the truth: its code runs and prints what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import metadata

import pytest
from packaging.requirements import Requirement

from otel_session_agg import Settings, attributes, environment_variables
from tests.support.paths import ROOT
from tests.support.programs import HAS_EXAMPLES

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SHELL = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
SHOWN = re.findall(r"```python\n([^`]*)```\n\n```text\n([^`]*)```", README)
_CLOCK = re.compile(r"^(duration|start_time|end_time) = .*$", flags=re.MULTILINE)


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert "" == done.stderr
    assert 0 == done.returncode
    return done.stdout


class TestCode:
    """The Python blocks."""

    @pytest.mark.parametrize("number", range(len(PYTHON)))
    def test_runs(self, number: int) -> None:
        """Every block runs by itself, without a warning."""
        _run(PYTHON[number])

    @pytest.mark.parametrize("number", range(len(SHOWN)))
    def test_prints_what_it_says(self, number: int) -> None:
        """A block that is followed by its output prints that, but for the times."""
        code, output = SHOWN[number]
        assert _CLOCK.sub(r"\1", output) == _CLOCK.sub(r"\1", _run(code))

    def test_some_are_shown(self) -> None:
        """Outputs are really found."""
        assert len(SHOWN) >= 2

    def test_is_short(self) -> None:
        """Fifteen lines of code, not more."""
        assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 16


class TestCommands:
    """The shell blocks, which ``.ci/run`` takes from here and runs in a clean clone."""

    def test_first_two_do_all_the_set_up(self) -> None:
        """One shows the demo, the other runs the tests; there are no others."""
        assert ["otel-session-agg demo", "pytest"] == [block.strip().rsplit(".venv/bin/", 1)[1] for block in SHELL]
        assert all(block.startswith("python3 -m venv .venv && .venv/bin/pip install ") for block in SHELL)


class TestInstalling:
    """What readers are told to install."""

    def test_lines(self) -> None:
        """The project is on no index: it is named as the folder of its checkout, with extras that it has, and all else is a name."""
        extras = set(metadata("otel-session-agg").get_all("Provides-Extra") or ())
        lines = [(name, words) for name, text in _texts() for words in _installs(text)]
        examples = {"examples/zero_code/README.md", "examples/quickstart.py"} if HAS_EXAMPLES else set()
        assert {"README.md", *examples} <= {name for name, _ in lines}
        for name, words in lines:
            own, others = [word for word in words if word[0] == "."], [word for word in words if word[0] != "."]
            assert [] == [word for word in others if word.startswith("otel-session-agg")], name
            wanted = [re.fullmatch(r"\.(?:\[([a-z,]+)\])?", word) for word in own]
            assert None not in wanted, name
            assert {extra for found in wanted if found and found[1] for extra in found[1].split(",")} <= extras, name
            assert all(Requirement(word).name for word in others), name


def _texts() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "examples").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.py"))]:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8").replace("\\\n", " ")


def _installs(text: str) -> Iterator[list[str]]:
    """What is installed by each command of ours in a text, without options."""
    for command in re.findall(r"pip install ([^`\n]*?)(?: && |`|$)", text, flags=re.MULTILINE):
        words = [word for word in shlex.split(command, comments=True) if not word.startswith("-")]
        if words:
            yield words


class TestTables:
    """The tables."""

    def test_attributes(self) -> None:
        """Every name that is written is in the table."""
        names = attributes.RESERVED | attributes.KEPT_WHEN_SET | {attributes.USER_ID, attributes.EVALUATION_EVENT}
        assert set() == {name for name in names if f"`{name}`" not in README}

    def test_settings(self) -> None:
        """Every setting stands there with its variable and its default."""
        for name in (field.name for field in fields(Settings)):
            row = next(line for line in README.partition("## Settings")[2].splitlines() if line.startswith(f"| `{name}` |"))
            value = getattr(Settings(), name)
            default = (",".join(value) if isinstance(value, tuple) else str(value)).lower().removesuffix(".0")
            assert default == row.split("|")[3].strip()

    def test_variables(self) -> None:
        """Every environment variable is in the table."""
        names = {name for name in vars(environment_variables) if name.startswith("OTEL_")}
        assert set() == {name for name in names if f"`{name}`" not in README}
