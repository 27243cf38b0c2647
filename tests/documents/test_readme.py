"""The README and the pages that it leads to are true: their code runs and prints what they say, and their links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import metadata
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.requirements import Requirement

from otel_session_agg import Settings, attributes, environment_variables
from tests.support.paths import ROOT
from tests.support.programs import HAS_EXAMPLES
from tests.support.scripts import printed

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples" / "README.md"
PYTHON = [
    block
    for path in (ROOT / "README.md", EXAMPLES)
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
]
"""Blocks that are complete programs; those of other pages are parts of one."""
SHELL = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
SHOWN = re.findall(r"```python\n([^`]*)```\n\n```text\n([^`]*)```", README)
PAGES = [
    path
    for folder in (ROOT, ROOT / ".github", ROOT / "examples", ROOT / "otel_session_agg", ROOT / "tests" / "recording")
    for path in sorted(folder.rglob("*.md") if folder.name == "examples" else folder.glob("*.md"))
]
_MAX_BYTES = 20_000
_MAX_PICTURE_BYTES = 150_000
_CLOCK = re.compile(
    r"""^((?:metadata\.)?(?:\w+_)?(?:duration|time|latency_p\d+|first_response) = |.*"duration":)[\d.e-]+""", flags=re.MULTILINE
)
"""What begins a figure that takes another value each time."""


class TestCode:
    """The Python blocks."""

    @pytest.mark.parametrize("number", range(len(PYTHON)))
    def test_runs(self, number: int) -> None:
        """Every block runs by itself, without a warning."""
        printed(PYTHON[number])

    @pytest.mark.parametrize("number", range(len(SHOWN)))
    def test_prints_what_it_says(self, number: int) -> None:
        """A block that is followed by its output prints that, but for the times."""
        code, output = SHOWN[number]
        assert _CLOCK.sub(r"\1", output) == _CLOCK.sub(r"\1", printed(code))

    def test_some_are_there(self) -> None:
        """Programs and outputs are really found."""
        assert len(SHOWN) >= 2
        assert len(PYTHON) >= 7

    def test_is_short(self) -> None:
        """Fifteen lines of code, not more."""
        assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 16


class TestCommands:
    """The shell blocks, which ``.ci/run`` takes from here and runs in a clean clone."""

    def test_first_two_do_all_the_set_up(self) -> None:
        """One shows the demo, the other runs the tests; there are no others."""
        assert ["otel-session-agg demo", "pytest"] == [block.strip().rsplit(".venv/bin/", 1)[1] for block in SHELL]
        assert all(block.startswith("python3 -m venv .venv && .venv/bin/pip install ") for block in SHELL)


def _anchors(text: str) -> set[str]:
    """The anchors that forges give to headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestPages:
    """All pages of the project."""

    def test_is_short(self) -> None:
        """The README can be read in one go."""
        assert len(README.encode()) < _MAX_BYTES

    def test_pictures(self) -> None:
        """They load at once; ``python -m tests.documents.picture`` and ``serve_pictures`` make them."""
        names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
        assert [".github/session-root.png", "examples/serve/pictures/overview.png"] == names
        assert all((ROOT / name).stat().st_size < _MAX_PICTURE_BYTES for name in names)

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_links_lead_somewhere(self, path: Path) -> None:
        """Every link within the project is to a file, or a heading of one, that is there."""
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        wrong = []
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in link:
                name, _, anchor = link.partition("#")
                target = path.parent / name if name else path
                if not target.exists() or (anchor and anchor not in _anchors(target.read_text(encoding="utf-8"))):
                    wrong.append(link)
        assert [] == wrong

    def test_names_tests_that_are_there(self) -> None:
        """What promises are tried by is in ``tests``."""
        there = {path.name for path in (ROOT / "tests").rglob("*.py")}
        named = set(re.findall(r"`(?:\w+/)*(\w+\.py)`", README.partition("## Guarantees")[2].partition("## Settings")[0]))
        assert named <= there
        assert len(named) > 10


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
    for path in [*PAGES, *sorted((ROOT / "examples").rglob("*.py"))]:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8").replace("\\\n", " ")


def _installs(text: str) -> Iterator[list[str]]:
    """What is installed by each command of ours in a text, without options."""
    for command in re.findall(r"pip install ([^`\n]*?)(?: && |`|$)", text, flags=re.MULTILINE):
        words = [word for word in shlex.split(command, comments=True) if not word.startswith("-")]
        if words:
            yield words


class TestWrongTotal:
    """The form that asks for spans."""

    def test_program(self, tmp_path: Path) -> None:
        """Its program writes a line of JSON for each span, with the scope."""
        form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "wrong-total.yml").read_text(encoding="utf-8")
        ((indent, program),) = re.findall(r"^( +)```python\n(.*?)^ +```", form, flags=re.DOTALL | re.MULTILINE)
        before = "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
        before += "trace.set_tracer_provider(TracerProvider())\n"
        after = "for name in 'ab':\n    trace.get_tracer('app', '1.2').start_span(name).end()\nspans.close()\n"
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", before + dedent(indent + program.lstrip(" ")) + after], cwd=tmp_path, timeout=300, check=True
        )
        lines = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [("a", "app", "1.2"), ("b", "app", "1.2")] == [
            (line["name"], line["scope"]["name"], line["scope"]["version"]) for line in lines
        ]


class TestTables:
    """The tables."""

    SETTINGS = EXAMPLES.read_text(encoding="utf-8").partition("## Settings")[2].partition("## Command line")[0]

    def test_attributes(self) -> None:
        """Every name that is written is in a table, those of records only beside the examples."""
        text = README + EXAMPLES.read_text(encoding="utf-8")
        names = attributes.RESERVED | attributes.KEPT_WHEN_SET | {attributes.USER_ID, attributes.EVALUATION_EVENT}
        assert set() == {name for name in names if f"`{name}`" not in text}

    def test_settings(self) -> None:
        """Every setting is there with its default."""
        for name in (field.name for field in fields(Settings)):
            row = next(line for line in self.SETTINGS.splitlines() if line.startswith(f"| `{name}` |"))
            value = getattr(Settings(), name)
            default = (",".join(value) if isinstance(value, tuple) else str(value)).lower().removesuffix(".0")
            assert default == row.split("|")[2].strip()

    def test_variables(self) -> None:
        """The environment variables are those that follow from the names in the table."""
        rows = re.findall(r"^\| `(\w+)` \|", self.SETTINGS, flags=re.MULTILINE)
        names = {name for name in vars(environment_variables) if name.startswith("OTEL_")}
        assert names == {f"OTEL_PYTHON_SESSION_AGG_{row.upper().removesuffix('_SECONDS')}" for row in rows}
