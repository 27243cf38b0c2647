"""Check how many parts a message has, before it is read.

A message of some bytes can stand for a multiple of them in memory: an attribute without a name and
a value is two bytes in protobuf.  So a message that could have too many is walked through first,
by the sizes that it states; nothing is made of it meanwhile.  How deep parts are in each other is
bounded by those who read them: protobuf's library takes 100 levels, JSON is read by functions that
stop at Python's limit, values of attributes by one that stops at 64.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from otel_session_agg._otlp.wire import LENGTH, SIZES, VARINT, varint
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.refusals import Refused

__all__ = ["check_json", "check_protobuf"]

# -- protobuf --------------------------------------------------------------------------------------

_LEAST_BYTES = 2
"""Of a part of a message in protobuf: its tag and its size."""
_LEAST_TAGS = bytes(
    tag | more for tag in (0x0A, 0x1A, 0x22, 0x4A, 0x5A, 0x6A) for more in (0, 0x80)
)
"""The bytes with which parts begin that there can be many of, but for spans and groups of them.

Their tags may be written longer than they need to be; then the highest bit is set.
"""
_FIELDS_PER_VALUE = 8
"""Fields of a message for each value that it may have; a span has 16."""
_CONTINUES = 0x80
"""The bit of a byte that says that a number goes on."""

_Message = dict[int, "_Part"]


class _Part(NamedTuple):
    """A field that is a message, by its number."""

    message: _Message
    is_span: bool = False
    is_value: bool = False
    """Whether there can be many of it."""


_ANY_VALUE: _Message = {}
_KEY_VALUE: _Message = {2: _Part(_ANY_VALUE)}
_ANY_VALUE[5] = _Part({1: _Part(_ANY_VALUE, is_value=True)})
_ANY_VALUE[6] = _Part({1: _Part(_KEY_VALUE, is_value=True)})
_ATTRIBUTE = _Part(_KEY_VALUE, is_value=True)
_EVENT = _Part({3: _ATTRIBUTE}, is_value=True)
_LINK = _Part({4: _ATTRIBUTE}, is_value=True)
_ENTITY = _Part({3: _Part({}, is_value=True), 4: _Part({}, is_value=True)}, is_value=True)
_SPAN = _Part({9: _ATTRIBUTE, 11: _EVENT, 13: _LINK}, is_span=True)
_SCOPE_SPANS = _Part({1: _Part({3: _ATTRIBUTE}), 2: _SPAN}, is_value=True)
_RESOURCE_SPANS = _Part({1: _Part({1: _ATTRIBUTE, 3: _ENTITY}), 2: _SCOPE_SPANS}, is_value=True)
_IS_SPAN = _Part({}, is_span=True)
_SPANS: _Message = {1: _Part({2: _Part({2: _IS_SPAN}, is_value=True)}, is_value=True)}
"""What is a span in an export request of traces."""
_REQUEST: _Message = {1: _RESOURCE_SPANS}
"""What is a message in an export request of traces.

Source: opentelemetry-proto, ``trace.proto``, ``common.proto`` and ``resource.proto``, 1.9.
"""


def check_protobuf(data: bytes, limits: Limits) -> None:
    """Check an export request of traces.

    Raises:
        Refused: it has too many spans or values, or is none.

    """
    if len(data) <= _LEAST_BYTES * min(limits.max_spans, limits.max_values):
        return
    has_few_values = (
        len(data) <= _LEAST_BYTES * limits.max_values
        or len(data) - len(data.translate(None, _LEAST_TAGS)) <= limits.max_values
    )
    try:
        _Walk(data, limits).message(0, len(data), _SPANS if has_few_values else _REQUEST)
    except (LookupError, RecursionError, ValueError):
        raise Refused(400, "no OTLP message, or not all of it") from None


class _Walk:
    """One walk through a message."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._num_spans = self._num_values = 0
        self._fields_left = limits.max_values * _FIELDS_PER_VALUE

    def message(self, at: int, end: int, known: _Message) -> None:
        """Walk through the fields of a message.

        Raises:
            Refused: there is too much in it.
            ValueError, LookupError: it is none.

        """
        data = self._data
        while at < end:
            tag = data[at]
            at += 1
            if tag >= _CONTINUES:
                tag, at = varint(data, at - 1)
            wire_type = tag & 7
            size = data[at] if wire_type in {LENGTH, VARINT} else SIZES[wire_type]
            if wire_type != LENGTH:
                at = at + size if wire_type in SIZES else varint(data, at)[1]
            else:
                at += 1
                if size >= _CONTINUES:
                    size, at = varint(data, at - 1)
                if at + size > end:
                    raise ValueError(at)
                part = known.get(tag >> 3)
                if part is not None:
                    self._part(part, at, at + size)
                at += size
            self._fields_left -= 1
            if self._fields_left < 0:
                self._refuse("fields")

    def _part(self, part: _Part, at: int, end: int) -> None:
        if part.is_value:
            self._num_values += 1
            if self._num_values > self._limits.max_values:
                self._refuse("values")
        elif part.is_span:
            self._num_spans += 1
            if self._num_spans > self._limits.max_spans:
                self._refuse("spans")
        if part.message and at < end and not (part is _ATTRIBUTE and self._is_text(at, end)):
            self.message(at, end, part.message)

    def _is_text(self, at: int, end: int) -> bool:
        """Return whether an attribute is a short name and one text, as most are."""
        data = self._data
        value = at + 2 + data[at + 1] if end > at + 1 else end
        if value + 2 >= end or data[at] != _NAME or data[at + 1] >= _CONTINUES:
            return False
        if data[value] != _VALUE:
            return False
        text = value + 2 if data[value + 1] < _CONTINUES else varint(data, value + 1)[1]
        if text >= end or data[text] != _STRING:
            return False
        size, begin = varint(data, text + 1)
        return begin + size == end

    def _refuse(self, what: str) -> NoReturn:
        raise Refused(413, f"the request has too many {what}")


_NAME, _VALUE, _STRING = 0x0A, 0x12, 0x0A
"""Tags: of the name and the value of an attribute, of a text as a value."""

# -- JSON ------------------------------------------------------------------------------------------

_OBJECTS = 2
"""Of an attribute: itself and its value."""
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""Texts; one that does not end goes on to the end, so that nothing is looked at twice."""


def check_json(data: bytes, limits: Limits) -> None:
    """Check a JSON text.

    Raises:
        Refused: it has too many objects and lists.

    """
    most = _OBJECTS * limits.max_values
    if data.count(b"{") + data.count(b"[") <= most:
        return
    without_texts = _STRINGS.sub(b"", data)
    if without_texts.count(b"{") + without_texts.count(b"[") > most:
        raise Refused(413, "the request has too many values")
