"""Totals as bytes for a store; `decoding` reads them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from itertools import islice
from operator import attrgetter
from typing import Any

from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._sharing.details_form import details_out
from otel_session_agg._sharing.parts import Part, Recorded
from otel_session_agg._sharing.stored_form import COUNTS, DEFAULTS, FLAGS, TRACE_BYTES, VERSION

_GROUP_BYTES = 3 * TRACE_BYTES  # base64 of it ends without padding, so more can follow
_ERROR_TYPE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_.]{0,99}(?:Error|Exception|Warning|Timeout|Interrupt|Exit)(?=:|$)"
)
_JSON = json.JSONEncoder(separators=(",", ":"))


ToJson = Callable[[dict[str, Any]], bytes]
"""Returns an object in JSON, without spaces."""


def in_json(row: dict[str, Any]) -> bytes:
    """Return an object in JSON, without spaces."""
    return _JSON.encode(row).encode()


def encode(totals: SessionTotals, *, texts: bool = True, to_json: ToJson = in_json) -> bytes:
    """Encode the totals of a session.

    Args:
        totals: The totals.
        texts: Whether the first input, the last output and the text of the last error are in it.
        to_json: Writes what `in_json` does, or the same in other words.

    """
    traces = b64encode(_packed(sorted(totals.traces)))
    return _totals_out(totals, traces, list(map(_root_out, totals.members)), texts, to_json)


class SessionTotalsEncoder:
    """Encodes totals again and again while they grow; encodes only what is new in them.

    One object belongs to one `GrowingTotals`.
    """

    __slots__ = ("_num_traces", "_rest", "_roots", "_texts", "_traces")

    def __init__(self) -> None:
        self._roots: tuple[Member, ...] = ()
        """The roots that are in ``_texts``."""
        self._texts: list[str] = []
        self._num_traces = 0
        self._traces = self._rest = b""
        """Trace ids in base64, as many as make whole groups of it, and the rest as bytes."""

    def encode(self, grown: GrowingTotals, *, texts: bool = True) -> bytes:
        """Encode the totals, always of the same object.

        ``texts``: whether the first input, the last output and the text of the last error are in
        it.
        """
        new = list(islice(reversed(grown.trace_ids), len(grown.trace_ids) - self._num_traces))
        rest = self._rest + _packed(reversed(new))
        self._num_traces += len(new)
        whole = len(rest) - len(rest) % _GROUP_BYTES
        self._traces += b64encode(rest[:whole])
        self._rest = rest[whole:]
        roots, before = grown.members, self._roots
        if roots is not before:
            keep = len(before) if roots[: len(before)] == before else 0
            self._texts[keep:] = map(_root_out, roots[keep:])
            self._roots = roots
        return _totals_out(grown, self._traces + b64encode(self._rest), self._texts, texts)


def _totals_out(
    totals: SessionTotals | GrowingTotals,
    traces: bytes,
    roots: list[str],
    texts: bool,  # noqa: FBT001 -- handed through
    to_json: ToJson = in_json,
) -> bytes:
    row: dict[str, Any] = {"rollup": _rollup_out(totals.rollup, texts)}
    if totals.rollup.details != NO_DETAILS:
        row["details"] = details_out(totals.rollup.details)
    for name in _PLAIN:
        value = getattr(totals, name)
        if value:
            row[name] = value
    if totals.last_root is not None:
        end_ns, trace_id, span_id = totals.last_root
        row["last_root"] = [end_ns, f"{trace_id:032x}", f"{span_id:016x}"]
    if totals.user is not None:
        row["user"] = list(totals.user)
    if totals.metadata:
        row["metadata"] = {name: list(label) for name, label in totals.metadata.items()}
    row.update(_parts_out(totals, texts))
    # these are long and need no quoting
    more = b',"traces":"%b"' % traces if traces else b""
    joined = ",".join(roots).encode()
    if joined:
        more += b',"members":[%b]' % joined
    return _out(row, to_json)[:-1] + more + b"}"


def _parts_out(
    totals: SessionTotals | GrowingTotals,
    texts: bool,  # noqa: FBT001 -- as above
) -> dict[str, Any]:
    """Return dimensions, and what turns were asked and have used; 0.4 wrote none of these."""
    row: dict[str, Any] = {}
    if totals.dearest_turn is not None:
        cost_pusd, trace_id, total_tokens = totals.dearest_turn
        row["dearest_turn"] = [cost_pusd, f"{trace_id:032x}", total_tokens]
    if totals.first_input is not None and texts:
        row["first_input"] = list(totals.first_input)
    if totals.dimensions:
        row["dimensions"] = {name: list(one) for name, one in totals.dimensions.items()}
    return row


def _packed(trace_ids: Iterable[int]) -> bytes:
    return b"".join([trace_id.to_bytes(TRACE_BYTES, "big") for trace_id in trace_ids])


def _root_out(root: Member) -> str:
    return f'[{root.start_ns},"{root.trace_id:032x}","{root.span_id:016x}"]'


def encode_part(part: Part, *, texts: bool = True) -> bytes:
    """Encode a part of a trace.

    ``texts``: whether the first input, the last output and the text of the last error are in it.
    """
    rollups = [[session, _rollup_out(rollup, texts)] for session, rollup in part.rollups.items()]
    row: dict[str, Any] = {
        "parts": rollups,
        "open": part.is_open,
        "root": part.root,
        "session": part.session_id,
        "seq": part.seq,
    }
    if part.included:
        row["included"] = part.included
    if part.is_unsampled:
        row["unsampled"] = True
    if any(rollup.details != NO_DETAILS for rollup in part.rollups.values()):
        row["details"] = [details_out(rollup.details) for rollup in part.rollups.values()]
    return _out(row)


def encode_recorded(recorded: Recorded) -> bytes:
    """Encode what the last record of a session was made from."""
    return _out(recorded._asdict())


def _out(row: dict[str, Any], to_json: ToJson = in_json) -> bytes:
    return to_json({"v": VERSION, **row})


def _rollup_out(rollup: Rollup, texts: bool) -> dict[str, Any]:  # noqa: FBT001 -- handed through
    if rollup is NOTHING:  # as roots have whose session has got the totals already
        return {}
    pairs = zip(DEFAULTS.items(), _values(rollup), strict=True)
    row: dict[str, Any] = {name: value for (name, default), value in pairs if value != default}
    if rollup.models:
        row["models"] = sorted(rollup.models)
    if not texts:
        row.pop("output", None)
        if rollup.error is not None:
            row["error"] = rollup.error._replace(value=error_type(rollup.error.value))
    return row


def error_type(text: str) -> str:
    """Return the type that the text of an error begins with, as far as it is sure to be one.

    Errors of providers quote what users wrote.
    """
    found = _ERROR_TYPE.match(text)
    return found[0] if found is not None else "error"


_values = attrgetter(*DEFAULTS)  # all fields in one step
_PLAIN = COUNTS + FLAGS
