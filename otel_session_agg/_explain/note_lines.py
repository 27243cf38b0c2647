"""The lines below the tree of an explanation: what the calls cost, and what spans were read by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from otel_session_agg._explain.columns import MAX_CHARS, MAX_NOTES, WIDTH, Columns, padded, wrapped
from otel_session_agg._explain.notes import PriceNote, ReadNote, rate_text
from otel_session_agg._explain.shown import BOLD, DIM, PLAIN, Line
from otel_session_agg._pricing.overrides import EACH
from otel_session_agg._pricing.price_parts import WHOLE, PricePart
from otel_session_agg._untrusted.formatting import counted

__all__ = ["price_lines", "read_lines"]


def price_lines(notes: Sequence[PriceNote], columns: Columns) -> Iterator[Line]:
    if not notes:
        return
    yield []
    yield [(f"{'prices':<44}{'number':>16}{'USD per million':>20}{'USD':>20}", BOLD)]
    for note in notes[:MAX_NOTES]:
        cost = "" if note.cost_pusd is None else columns.usd(note.cost_pusd)
        room = WIDTH - columns.cost - 4
        head, *rest = wrapped([f"{note.title} ({counted(note.num_calls, 'call')})"], room - 1)
        yield [(f"{note.number:>3} {padded(head, room)}{cost}", PLAIN)]
        for text in rest:
            yield [(f"    {text}", PLAIN)]
        for part in note.parts[:MAX_NOTES]:
            yield [(_part(part, columns), DIM)]
    if len(notes) > MAX_NOTES:
        yield [(f"    ... and {counted(len(notes) - MAX_NOTES, 'more price')}", DIM)]


def _part(part: PricePart, columns: Columns) -> str:
    rate = "" if part.name == WHOLE else rate_text(part)
    unit = " each" if part.name in EACH else ""
    name = part.name.replace("_", " ")
    return f"{'':>6}{name:<38}{part.number:>16,}{rate + unit:>20}{columns.usd(part.cost_pusd):>20}"


def read_lines(reads: Mapping[int, ReadNote]) -> Iterator[Line]:
    notes = {note.letter: note for note in reads.values()}
    if not notes:
        return
    yield []
    yield [("read by", BOLD)]
    for note in list(notes.values())[:MAX_NOTES]:
        for number, text in enumerate(wrapped(note.pieces, WIDTH - 5, MAX_CHARS * 3)):
            yield [(f"{note.letter if not number else '':>3} {text}", DIM)]
    if len(notes) > MAX_NOTES:
        yield [(f"    ... and {counted(len(notes) - MAX_NOTES, 'more set')} of keys", DIM)]
