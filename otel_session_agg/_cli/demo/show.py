"""Print the outcome of the demo as plain text of 80 columns, in a terminal as in a pipe."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_session_agg import attributes
from otel_session_agg._cli.demo import SERVICE_NAME
from otel_session_agg._cli.demo.agents import RESEARCH
from otel_session_agg._untrusted.formatting import counted, duration, milliseconds, usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_session_agg._cli.demo import Outcome
    from otel_session_agg._cli.demo.receiver import ReceivedSpan

__all__ = ["show"]

_WIDTH: Final = 80
_MAX_WARNINGS: Final = 5
_OWN_PREFIX: Final = "metadata."
_OUTPUT_CHARACTERS: Final = 58


class _Column(NamedTuple):
    header: str
    cell: Callable[[ReceivedSpan], str]


def show(outcome: Outcome, *, sdk_disabled: bool = False) -> None:
    """Print all of it to standard output.

    Args:
        outcome: The results of the run.
        sdk_disabled: Whether ``OTEL_SDK_DISABLED`` is set, which the demo ignores and an
            application does not.

    """
    # a fixed width: the same picture in every window, and in a pipe, which has no width
    console = Console(width=_WIDTH, highlight=False, markup=False, emoji=False)
    if sdk_disabled:
        _write(
            console,
            "Note: OTEL_SDK_DISABLED is set."
            " The demo ignores it; your application would send no spans.\n",
        )
    if outcome.problem is not None:
        _write(console, f"Could not send to {outcome.sent_to}: {outcome.problem}.", "bold red")
        _write(console, "Nothing else is wrong: without --endpoint, the demo needs no backend.")
        return
    _sessions(console, outcome)
    _one_root(console, outcome)
    _verdict(console, outcome)
    if outcome.differences:
        return
    _next_step(console, outcome)


def _write(console: Console, text: str, style: str = "") -> None:
    # URLs and names stay whole
    wrap = textwrap.TextWrapper(_WIDTH, break_long_words=False, break_on_hyphens=False)
    console.print(
        "\n".join(wrap.fill(line) for line in text.split("\n")), style=style, soft_wrap=True
    )


def _sessions(console: Console, outcome: Outcome) -> None:
    _write(
        console,
        f"{len(outcome.roots)} agent sessions ran, each the root span of a trace."
        f" A backend on 127.0.0.1 received {len(outcome.spans)} spans over OTLP/HTTP."
        f" The totals below stand on the {len(outcome.roots)} root spans:"
        " nothing was added up here.\n",
    )
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
    for number, column in enumerate(_COLUMNS):
        table.add_column(
            column.header, justify="right" if number else "left", no_wrap=True, overflow="crop"
        )
    for root in outcome.roots:
        table.add_row(*(Text(column.cell(root)) for column in _COLUMNS))
    console.print(table)
    _write(console, "\nlast output", "bold")
    for root in outcome.roots:
        output = _shorten(str(root.attributes.get(attributes.OUTPUTS, "-")), _OUTPUT_CHARACTERS)
        console.print(f"  {_session(root):<18}{output}", soft_wrap=True)
    _write(
        console,
        "\nevents are the spans below a root, model the model calls among them."
        " prompt, compl. and cached are tokens; cached ones are part of the prompt's."
        " unknown: no price list has the model; that is not a cost of 0, and unpriced counts such"
        " calls.",
    )


def _one_root(console: Console, outcome: Outcome) -> None:
    roots = [root for root in outcome.roots if _session(root) == RESEARCH]
    for root in roots:
        console.print()
        console.print(
            "one root span as it arrived, the rows of its JSON in short",
            style="bold",
            soft_wrap=True,
        )
        console.print(
            f"  {root.name}\n  trace {root.trace_id}  span {root.span_id}", soft_wrap=True
        )
        width = max(len(name) for name in root.attributes)
        for name in sorted(root.attributes, key=lambda name: (name.startswith(_OWN_PREFIX), name)):
            show_one = _rows if name in attributes.BREAKDOWNS else _attribute
            show_one(console, f"  {name:<{width}}  ", root.attributes[name])
        _write(
            console,
            f"\nThe root itself took {duration((root.end_ns - root.start_ns) / 1e6)};"
            " a child was still at work when it ended. It was held back until that child had ended"
            " too: end_time and duration are the session's.",
        )


def _attribute(console: Console, head: str, value: object) -> None:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    width = _WIDTH - len(head)
    lines = textwrap.wrap(_shorten(text, 3 * width), width) or [""]
    console.print(f"{head}{lines[0]}", soft_wrap=True)
    for line in lines[1:]:
        console.print(" " * len(head) + line, soft_wrap=True)


def _rows(console: Console, head: str, value: object) -> None:
    """Print the rows of a breakdown, which arrives as JSON, one in each line."""
    for name, row in json.loads(str(value)).items():
        facts = [
            counted(row["calls"], "call"),
            *([f"{usd(row['cost'])} USD"] if "cost" in row else []),
        ]
        console.print(f"{head}{name}: {', '.join(facts)}", soft_wrap=True)
        head = " " * len(head)


def _verdict(console: Console, outcome: Outcome) -> None:
    answer, style = ("no", "bold red") if outcome.differences else ("yes", "bold green")
    _write(console, f"\ntotals equal what the server answered: {answer}", style)
    for difference in outcome.differences:
        _write(console, f"  {difference}")
    for warning in outcome.warnings[:_MAX_WARNINGS] if outcome.differences else ():
        _write(console, f"  logged: {warning}")


def _next_step(console: Console, outcome: Outcome) -> None:
    if outcome.sent_to is not None:
        _write(
            console,
            f"\n{outcome.num_sent} spans went to {outcome.sent_to}.\n"
            f"Look there for the service {SERVICE_NAME}, and"
            f" filter its root spans, by {attributes.COST} > 0.001 or by {attributes.SESSION_ID}.",
        )
        return
    _write(console, "\nSend the same to your own backend:")
    console.print("  otel-session-agg demo --endpoint http://localhost:4318", soft_wrap=True)
    _write(console, "In your application, wrap the exporter that you have:")
    console.print(
        "  provider.add_span_processor(SessionSpanProcessor(OTLPSpanExporter()))", soft_wrap=True
    )


def _session(root: ReceivedSpan) -> str:
    return str(root.attributes.get(attributes.SESSION_ID, "-"))


def _number(name: str) -> Callable[[ReceivedSpan], str]:
    return lambda root: str(root.attributes.get(name, 0))  # totals that are written only when not 0


def _cost(root: ReceivedSpan) -> str:
    cost = root.attributes.get(attributes.COST)
    return usd(cost if isinstance(cost, float) else None)


def _duration(root: ReceivedSpan) -> str:
    ms = root.attributes.get(attributes.DURATION)
    return milliseconds(ms, 0) if isinstance(ms, (int, float)) else "-"


def _shorten(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


_COLUMNS: Final = (
    _Column("session", _session),
    _Column("events", _number(attributes.NUM_EVENTS)),
    _Column("model", _number(attributes.NUM_MODEL_EVENTS)),
    _Column("prompt", _number(attributes.PROMPT_TOKENS)),
    _Column("compl.", _number(attributes.COMPLETION_TOKENS)),
    _Column("cached", _number(attributes.CACHE_READ_TOKENS)),
    _Column("cost USD", _cost),
    _Column("unpriced", _number(attributes.NUM_UNPRICED_EVENTS)),
    _Column("errors", _number(attributes.NUM_ERRORS)),
    _Column("ms", _duration),
)
