"""Totals as bytes for a store, and back.

JSON with a version, so that a newer process can tell what an older one wrote.  What comes back is trusted in nothing: every
field is checked for its type, and anything else is ``MalformedError``, which whoever reads counts and skips.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.rollup import MAX_MODELS, NOTHING, Rollup
from otel_session_agg._model.session_totals import (
    MAX_LABELS,
    MAX_LINKS,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
)
from otel_session_agg._reasons import SESSION_ENDS
from otel_session_agg._sharing.decoding import (
    MAX_SEQUENCE,
    MalformedError,
    at_in,
    flag,
    id_in,
    labelled,
    number,
    rows,
    sequence,
    text,
    text_or_none,
    time_in,
    whole,
)
from otel_session_agg._sharing.parts import Part, Recorded

T = TypeVar("T")

VERSION = 1
"""Of the form below; another one is malformed."""

_TRACE_BYTES = 16
_WORD_BYTES = 3 * _TRACE_BYTES  # base64 of it ends without padding, so more can follow
_ERROR_TYPE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_.]{0,99}(?:Error|Exception|Warning|Timeout|Interrupt|Exit)(?=:|$)"
)
_JSON = json.JSONEncoder(separators=(",", ":"))
_MAX_BYTES = 1_000_000
"""Of one value: ten times the largest that is ever written."""


# -- out ------------------------------------------------------------------------------------------------------------------


def encode(totals: SessionTotals, *, texts: bool = True) -> bytes:
    """Totals as bytes, with the last output and the text of the last error or without."""
    return _totals_out(
        totals,
        b64encode(_packed(sorted(totals.traces))),
        map(_member_out, totals.members),
        texts=texts,
    )


class SessionTotalsEncoder:
    """Puts totals that grow into bytes again and again; what stands in them already is not put into words anew."""

    __slots__ = ("_members", "_num_traces", "_rest", "_texts", "_traces")

    def __init__(self) -> None:
        self._members: tuple[Member, ...] = ()
        self._texts: list[str] = []
        self._num_traces = 0
        self._traces = self._rest = b""
        """Traces in base64, as many as make whole words of it, and the others as they are."""

    def encode(self, grown: GrowingTotals, *, texts: bool = True) -> bytes:
        """The totals as bytes, with the last output and the text of the last error or without; always the same object's."""
        new = list(islice(reversed(grown.traces), len(grown.traces) - self._num_traces))
        rest = self._rest + _packed(reversed(new))
        self._num_traces += len(new)
        whole = len(rest) - len(rest) % _WORD_BYTES
        self._traces += b64encode(rest[:whole])
        self._rest = rest[whole:]
        members, before = grown.members, self._members
        if members is not before:
            keep = len(before) if members[: len(before)] == before else 0
            self._texts[keep:] = map(_member_out, members[keep:])
            self._members = members
        return _totals_out(grown, self._traces + b64encode(self._rest), self._texts, texts=texts)


def _totals_out(
    totals: SessionTotals | GrowingTotals,
    traces: bytes,
    members: Iterable[str],
    *,
    texts: bool = True,
) -> bytes:
    row: dict[str, Any] = {"rollup": _rollup_out(totals.rollup, texts)}
    for name in _COUNTS:
        if getattr(totals, name):
            row[name] = getattr(totals, name)
    if totals.is_budget_exceeded:
        row["is_budget_exceeded"] = True
    if totals.has_root_feedback:
        row["has_root_feedback"] = True
    if totals.last_root is not None:
        end_ns, trace_id, span_id = totals.last_root
        row["last_root"] = [end_ns, f"{trace_id:032x}", f"{span_id:016x}"]
    if totals.user is not None:
        row["user"] = list(totals.user)
    if totals.metadata:
        row["metadata"] = {name: list(label) for name, label in totals.metadata.items()}
    links = ",".join(members).encode()
    more = (b',"traces":"%b"' % traces if traces else b"") + (
        b',"members":[%b]' % links if links else b""
    )
    return _out(row)[:-1] + more + b"}"  # these are long and need no quoting


def _packed(trace_ids: Iterable[int]) -> bytes:
    return b"".join([trace_id.to_bytes(_TRACE_BYTES, "big") for trace_id in trace_ids])


def _member_out(member: Member) -> str:
    return f'[{member.start_ns},"{member.trace_id:032x}","{member.span_id:016x}"]'


def encode_part(part: Part, *, texts: bool = True) -> bytes:
    """A part of a trace as bytes, with the last output and the text of the last error or without."""
    rollups = [[session, _rollup_out(rollup, texts)] for session, rollup in part.rollups.items()]
    row = {
        "parts": rollups,
        "open": part.is_open,
        "root": part.root,
        "session": part.session_id,
        "seq": part.seq,
    }
    more: dict[str, Any] = {"included": part.included} if part.included else {}
    return _out({**row, **more, "unsampled": True} if part.is_unsampled else {**row, **more})


def encode_recorded(recorded: Recorded) -> bytes:
    """What a record was about, as bytes."""
    return _out(recorded._asdict())


def _out(row: dict[str, Any]) -> bytes:
    return _JSON.encode({"v": VERSION, **row}).encode()


def _rollup_out(rollup: Rollup, texts: bool) -> dict[str, Any]:  # noqa: FBT001 -- what is asked for
    if rollup is NOTHING:  # as roots are whose session has got it already
        return {}
    pairs = zip(_DEFAULTS.items(), _values(rollup), strict=True)
    row: dict[str, Any] = {name: value for (name, default), value in pairs if value != default}
    if rollup.models:
        row["models"] = sorted(rollup.models)
    if not texts:
        row.pop("output", None)
        if rollup.error is not None:
            row["error"] = rollup.error._replace(value=error_type(rollup.error.value))
    return row


def error_type(text: str) -> str:
    """The type that the text of an error begins with, as far as it is sure to be one; errors of providers quote what users wrote."""
    found = _ERROR_TYPE.match(text)
    return found[0] if found is not None else "error"


# -- in -------------------------------------------------------------------------------------------------------------------


def decode(value: bytes) -> SessionTotals:
    """Totals from bytes.

    Raises:
        MalformedError: another version wrote it, or nothing of ours did.

    """
    return _checked(value, _totals)


def decode_part(value: bytes) -> Part:
    """A part of a trace from bytes; raises like ``decode``."""
    return _checked(value, _part)


def decode_recorded(value: bytes) -> Recorded:
    """What a record was about, from bytes; raises like ``decode``."""
    return _checked(value, _recorded)


def _checked(value: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    if not isinstance(value, bytes) or len(value) > _MAX_BYTES:
        message = f"no bytes, or too many of them: {value!r:.40}"
        raise MalformedError(message)
    try:
        row = json.loads(value)
        if not isinstance(row, dict) or type(row.get("v")) is not int or row["v"] != VERSION:
            message = "another version"
            raise MalformedError(message)
        return read(row)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Base64Error) as error:
        message = f"{type(error).__name__}: {error}"
        raise MalformedError(message) from error


def _totals(row: dict[str, Any]) -> SessionTotals:
    packed = b64decode(text(row.get("traces", "")), validate=True)
    if len(packed) % _TRACE_BYTES:
        message = "half a trace id"
        raise MalformedError(message)
    traces = (packed[at : at + _TRACE_BYTES] for at in range(0, len(packed), _TRACE_BYTES))
    members = [
        Member(time_in(start), id_in(trace, 32), id_in(span, 16))
        for start, trace, span in rows(row.get("members", []))
    ]
    labels = [
        (text(name), label)
        for name, values in row.get("metadata", {}).items()
        for label in _label(values)
    ]
    return SessionTotals(
        rollup=_rollup(row["rollup"]),
        traces=frozenset(int.from_bytes(trace, "big") for trace in traces),
        members=tuple(sorted(members)[:MAX_LINKS]),
        user=at_in(row["user"]) if row.get("user") is not None else None,
        metadata=dict(labels[:MAX_LABELS]),
        is_budget_exceeded=flag(row.get("is_budget_exceeded", False)),
        last_root=_last_root(*row["last_root"]) if row.get("last_root") is not None else None,
        has_root_feedback=flag(row.get("has_root_feedback", False)),
        **{name: whole(row.get(name, 0)) for name in _COUNTS},
    )


def _label(values: Any) -> list[Labelled]:
    """A piece of metadata; a number that no attribute can have, as older versions wrote them, leaves out only itself."""
    _, value = values
    return [] if type(value) is int and abs(value) > MAX_SEQUENCE else [labelled(*values)]


def _last_root(end: object, trace: object, span: object) -> LastRoot:
    return LastRoot(time_in(end), id_in(trace, 32), id_in(span, 16))


def _part(row: dict[str, Any]) -> Part:
    rollups = {text_or_none(session): _rollup(rollup) for session, rollup in rows(row["parts"])}
    included = tuple(text(writer) for writer in rows(row.get("included", [])))
    session_id = text_or_none(row["session"])
    is_unsampled = flag(row.get("unsampled", False))
    return Part(
        rollups,
        flag(row["open"]),
        flag(row["root"]),
        session_id,
        sequence(row["seq"]),
        included,
        is_unsampled,
    )


def _recorded(row: dict[str, Any]) -> Recorded:
    reason = text(row.get("reason", ""))  # older versions wrote neither
    ended_ns = time_in(row.get("ended_ns", 0))
    return Recorded(
        sequence(row["revision"]),
        whole(row["version"]),
        reason if reason in SESSION_ENDS else "",
        ended_ns,
    )


def _rollup(row: dict[str, Any]) -> Rollup:
    if not row.keys() <= _DEFAULTS.keys():
        message = f"unknown fields {sorted(row.keys() - _DEFAULTS.keys())}"
        raise MalformedError(message)
    return Rollup(**{name: _READERS[_HOW[name]](value) for name, value in row.items()})


_COUNTS = (
    "num_open", "more_traces", "num_roots", "root_ns", "num_parts", "part_ns", "last_began_ns", "root_events", "num_unsampled",
)  # fmt: skip
_DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in fields(Rollup)}
_values = attrgetter(*_DEFAULTS)  # all fields in one step
_HOW: Mapping[str, str] = {f.name: f.metadata["merge"] for f in fields(Rollup)}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "sum": number,  # below 0 when a late span takes back what stands in another slot
    "maybe": number,
    "min": time_in,
    "max": time_in,
    "any": flag,
    "union": lambda names: frozenset([text(name) for name in rows(names)][:MAX_MODELS]),
    "latest": at_in,
    "first": at_in,
}
"""How a field's value is checked, by the way it is merged."""
