"""``python -m tests.recording.matrix``: write the README's table of what is right for each recorded stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.replay import TOKENS, Case, cases_in

from .verdict import asserts_cost, recordings, wrong_figures

README = Path(__file__).parents[2] / "README.md"
_BEGIN, _END = "<!-- made by tests/recording/matrix.py -->\n", "<!-- end -->"

_COLUMNS: dict[str, Sequence[str]] = {
    "tokens": TOKENS,
    "cost": ("cost",),
    "model events": ("num_model_events",),
    "session id": ("session_id",),
}
"""Columns and the figures that they stand for."""
_SHORT = {"num_model_events": "model events", "session_id": "session id"}
_HEAD = (
    f"| library, instrumentation | recorded versions | cases | {' | '.join(_COLUMNS)} | on no span |\n"
    f"|---|---|---|{'---|' * len(_COLUMNS)}---|\n"
)


class Row(NamedTuple):
    """What became of one stack's cases."""

    name: str
    versions: str
    num_cases: int
    columns: dict[str, tuple[int, int]]
    """By column: cases in which all of it is right, and cases in which some of it is known."""
    left_out: tuple[str, ...]
    """Figures that stand on no span in some of its cases."""

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return all(right == known for right, known in self.columns.values())

    def __str__(self) -> str:
        library, _, instrumentation = self.name.partition(".")
        cells = ["-" if not known else "✓" if right == known else f"{right} of {known}" for right, known in self.columns.values()]
        lost = ", ".join(_SHORT.get(key, key.removesuffix("_tokens").replace("_", " ")) for key in self.left_out)
        return f"| {library}, {instrumentation} | {self.versions} | {self.num_cases} | {' | '.join(cells)} | {lost} |\n"


def row(cases: Sequence[Case], wrong_figures: Callable[[Case], Mapping[str, Any]] = wrong_figures) -> Row:
    """Return the row of one stack; ``wrong_figures`` can be one that remembers what it was asked."""
    columns = dict.fromkeys(_COLUMNS, (0, 0))
    for case in cases:
        wrong, known = wrong_figures(case), _known(case)
        for column, figures in _COLUMNS.items():
            if known & set(figures):
                right, number = columns[column]
                columns[column] = (right + (not wrong.keys() & set(figures)), number + 1)
    left_out = sorted({key for case in cases for key in case["left_out"]})
    return Row(cases[0]["group"], cases[0]["convention"], len(cases), columns, tuple(left_out))


def _known(case: Case) -> set[str]:
    """The figures that the case asserts."""
    return {*case["expect"], *(("cost",) if asserts_cost(case) else ())}


def table(rows: Iterable[Row]) -> str:
    """The README's part: single instrumentations, then stacked ones."""
    rows = list(rows)
    parts = []
    for title, some in (
        ("one instrumentation", [one for one in rows if "+" not in one.name]),
        ("stacked instrumentations, in the order of their installation", [one for one in rows if "+" in one.name]),
    ):
        right = sum(one.is_right for one in some)
        summary = f"{len(some)} stacks with {title}: {right} right in every figure that stands on a span"
        parts.append(f"<details><summary>{summary}</summary>\n\n{_HEAD}{''.join(map(str, some))}\n</details>\n")
    return "\n".join(parts)


def in_readme(text: str) -> str:
    """The part of a README that is made here."""
    return text.partition(_BEGIN)[2].partition(_END)[0]


def main() -> None:
    """Write the table into the README."""
    text = README.read_text("utf-8")
    new = table(row(cases_in(path)) for path in recordings())
    README.write_text(re.sub(f"{_BEGIN}.*?{_END}", lambda _: f"{_BEGIN}{new}{_END}", text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
