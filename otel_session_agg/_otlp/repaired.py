"""Repair a protobuf message that the library refuses as a whole.

It does so for one text that is not UTF-8, as some SDKs cut texts off in the middle of a character,
for values that are nested too deeply, and when the message breaks off.
"""

from __future__ import annotations

from typing import Any

from otel_session_agg._otlp.wire import LENGTH, encoded_varint, fields

_MAX_DEPTH = 90
"""The library reads up to 100 messages inside each other."""

_GROUPS = 1
"""The depth of messages whose own messages are read when they break off; a span is not."""

_TEXT, _MESSAGE = 9, 11
"""Types of fields, by their numbers in protobuf's own descriptors."""


def repaired(data: bytes, descriptor: Any, depth: int = 0) -> bytes:
    """Return a message without what is broken in it; text that is not UTF-8 is replaced.

    Args:
        data: The message.
        descriptor: Its type.
        depth: The number of messages that it is in.

    """
    kept: list[bytes] = []
    try:
        for field in fields(data, cut_off=depth <= _GROUPS):
            known = descriptor.fields_by_number.get(field.number)
            value = data[field.value : field.end]
            if known is None or field.wire_type != LENGTH or known.type not in {_TEXT, _MESSAGE}:
                kept.append(data[field.start : field.end])
                continue
            if known.type == _TEXT:
                value = value.decode(errors="replace").encode()
            elif depth < _MAX_DEPTH:
                value = repaired(value, known.message_type, depth + 1)
            else:
                value = b""
            kept += (encoded_varint(field.number << 3 | LENGTH), encoded_varint(len(value)), value)
    except ValueError:  # what follows cannot be taken apart
        pass
    return b"".join(kept)
