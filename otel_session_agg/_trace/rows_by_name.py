"""Figures by the names of models, agents or tools, while they are added up."""

from __future__ import annotations

from otel_session_agg._model.breakdown import MAX_NAME_CHARS, Figures, breakdown_of, summed

Rows = dict[str, Figures]
"""Figures by name."""

OpenRows = dict[int, Figures]
"""Figures of what is below open spans whose name is not known yet, by span id."""

MAX_NAMES = 64
"""Names that are kept apart until there are more; then those that sort first are.

Four times as many as a breakdown has, so that this is seldom done.
"""

MAX_OPEN = 256
"""Open spans that figures are kept for; what is below more of them has no name.

Stacks are far less deep, and these are kept only of calls that are added up for good.
"""


def add_row(rows: Rows, name: str, figures: Figures) -> None:
    """Add figures to those of a name."""
    name = name[:MAX_NAME_CHARS]
    known = rows.get(name)
    rows[name] = figures if known is None else summed(known, figures)
    if len(rows) > MAX_NAMES:
        found = breakdown_of(rows)
        rows.clear()
        rows.update(found)


def add_open(rows: OpenRows, span_id: int, figures: Figures) -> bool:
    """Add figures to those of an open span; return whether there was room."""
    known = rows.get(span_id)
    if known is None and len(rows) >= MAX_OPEN:
        return False
    rows[span_id] = figures if known is None else summed(known, figures)
    return True


def merge_rows(rows: Rows, others: Rows) -> None:
    """Add the figures of others."""
    if rows:
        for name, figures in others.items():
            add_row(rows, name, figures)
    else:
        rows.update(others)
