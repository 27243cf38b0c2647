"""``python -m tests.recording.matrix``: write what is right for each recorded stack.

``RESULTS.md`` beside this module gets a line for each stack, the project's README one for each family of instrumentations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.replay import TOKENS, Case, cases_in

from .verdict import asserts_cost, recordings, wrong_figures

README = Path(__file__).parents[2] / "README.md"
RESULTS = Path(__file__).parent / "RESULTS.md"
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

_FAMILIES: dict[str, Callable[[str], bool]] = {
    "stacked: two or more at once, in either order": lambda name: "+" in name,
    "Vercel AI SDK": lambda name: name.startswith("ai-sdk"),
    "OpenInference": lambda name: ".openinference" in name,
    "OpenLLMetry (Traceloop)": lambda name: name.endswith(".openllmetry"),
    "OpenTelemetry contrib and GenAI": lambda name: ".contrib" in name,
    "OpenLIT": lambda name: name.endswith(".openlit"),
    "Langfuse, LangSmith, Future AGI, AgentOps...": lambda name: (
        name.endswith((".langsmith", ".laminar", ".agentops", ".judgeval", ".traceai")) or ".langfuse" in name
    ),
    "MLflow": lambda name: name.endswith(".mlflow"),
    "Logfire": lambda name: ".logfire" in name,
    "a library's own tracing": lambda _: True,
}
"""Families of instrumentations, by the names of their stacks; the first that fits."""


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
    """Return the part of ``RESULTS.md``: single instrumentations, then stacked ones."""
    rows = list(rows)
    parts = []
    for title, some in (
        ("one instrumentation", [one for one in rows if "+" not in one.name]),
        ("stacked instrumentations, in the order of their installation", [one for one in rows if "+" in one.name]),
    ):
        right = sum(one.is_right for one in some)
        summary = f"{len(some)} stacks with {title}: {right} right in every figure that stands on a span"
        parts.append(f"## {summary}\n\n{_HEAD}{''.join(map(str, some))}")
    return "\n".join(parts)


def families(rows: Iterable[Row]) -> str:
    """Return the part of the README: a line for each family, and the sums."""
    by_family: dict[str, list[Row]] = {family: [] for family in reversed(_FAMILIES)}
    for one in rows:
        by_family[next(family for family, fits in _FAMILIES.items() if fits(one.name))].append(one)
    ordered = sorted(by_family.items(), key=lambda item: ("stacked" in item[0], -len(item[1])))
    lines = [_line(family, some) for family, some in ordered]
    total = _line("**all**", [one for _, some in ordered for one in some])
    return f"| instrumentation | stacks | right | cases |\n|---|---|---|---|\n{''.join(lines)}{total}"


def _line(family: str, rows: Sequence[Row]) -> str:
    return f"| {family} | {len(rows)} | {sum(one.is_right for one in rows)} | {sum(one.num_cases for one in rows):,} |\n"


def made_part(text: str) -> str:
    """Return the part of a document that is made here."""
    return text.partition(_BEGIN)[2].partition(_END)[0]


def main() -> None:
    """Write both parts."""
    rows = [row(cases_in(path)) for path in recordings()]
    for path, new in ((RESULTS, table(rows)), (README, families(rows))):
        before, begin, rest = path.read_text("utf-8").partition(_BEGIN)
        path.write_text(f"{before}{begin}{new}{_END}{rest.partition(_END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
