"""Add to the totals of a session what it gets of a trace apart from its rollup."""

from __future__ import annotations

from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import LastRoot
from otel_session_agg._reading.input_text import RawInput, input_text
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import Gain, NewRoot


def add_root(
    session: Session, growing: tuple[GrowingTotals, ...], root: NewRoot, *, is_sampled: bool
) -> int:
    """Add a root that has left; return how many of its dimensions have another value.

    ``is_sampled``: it is exported.
    """
    member, end_ns, is_part, dimensions = root
    session.grown.began(member.start_ns)
    for one in growing:
        one.add_root(member, end_ns, is_part=is_part, is_sampled=is_sampled)
    if is_sampled:
        session.grown.exported(LastRoot(end_ns, member.trace_id, member.span_id))
    if not dimensions:
        return 0
    return session.grown.add_dimensions(dimensions, member.start_ns, member.span_id)


def add_of_whole(growing: tuple[GrowingTotals, ...], gain: Gain, max_chars: int) -> bool:
    """Add what only the session of a whole trace gets; return whether anything of it is new.

    ``max_chars``: characters of an input that are kept.
    """
    grown, is_new = growing[0], False
    if gain.on_root is not None:
        num_events, has_feedback = gain.on_root
        for one in reversed(growing):
            is_new = one.stands_on_root(num_events, has_feedback=has_feedback)
    if gain.num_repeats:
        for one in growing:
            one.add_repeats(gain.num_repeats)
        is_new = True
    if gain.turn is not None:
        is_new = grown.add_turn(gain.turn) or is_new
    if gain.first_input is not None:
        is_new = _add_input(grown, gain.first_input, max_chars) or is_new
    return is_new


def _add_input(grown: GrowingTotals, found: RawInput, max_chars: int) -> bool:
    if not grown.is_first_input(found.time_ns, found.span_id):
        return False  # before it is made readable, which takes long
    text = input_text(found.raw, max_chars)
    if text is None:
        return False
    grown.add_first_input(At(found.time_ns, found.span_id, text))
    return True
