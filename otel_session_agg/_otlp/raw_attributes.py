"""Attributes of spans in protobuf, of which equal ones are read once.

Most attributes of spans are the same again and again: names of models, methods, ports, counts.  So
requests are read with a type in which the attributes of a span, and its status, are bytes.  It
takes the same messages as OTLP's own type, and is made from that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from otel_session_agg._extras import needed

MAX_KEPT = 8192
"""Attributes that are kept, of ``MAX_BYTES`` at most: together some megabytes."""

MAX_BYTES = 128

_KEPT_TYPES = frozenset({str, int, float, bool, type(None)})
"""Types of values that are kept: those that nothing can change."""

_RAW_FIELDS = frozenset({"attributes", "status"})
"""Fields of a span that stay as bytes."""

_SPAN = "Span"

Attribute = tuple[str, Any]
"""A key and its value."""


@cache
def raw_request_class(own: Any) -> Any:
    """Return the class of requests in which attributes and status of spans are bytes.

    ``own``: OTLP's class of export requests of traces.
    """
    needed("google.protobuf", "replay")
    from google.protobuf import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- of an extra
        descriptor_pool,
        message_factory,
    )

    pool = descriptor_pool.DescriptorPool()
    _add(pool, own.DESCRIPTOR.file, set())
    name = own.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _add(pool: Any, file: Any, known: set[str]) -> None:
    """Add a file of types, after those that it needs."""
    if file.name in known:
        return
    known.add(file.name)
    for other in file.dependencies:
        _add(pool, other, known)
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 -- of an extra

    copied = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copied)
    for message in copied.message_type:
        for field in message.field if message.name == _SPAN else ():
            if field.name in _RAW_FIELDS:
                field.type = field.TYPE_BYTES  # which look the same in a message
                field.ClearField("type_name")
    pool.Add(copied)


class RawAttributes(dict[bytes, Attribute]):
    """Attributes by their bytes; those that were not read before are read when asked for.

    Args:
        read: Reads one.

    """

    def __init__(self, read: Callable[[bytes], Attribute]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: bytes) -> Attribute:
        """Return an attribute that is not kept; raise what ``read`` does."""
        found = self._read(raw)
        if len(raw) <= MAX_BYTES and type(found[1]) in _KEPT_TYPES:
            if len(self) >= MAX_KEPT:
                self.clear()
            self[raw] = found
        return found
