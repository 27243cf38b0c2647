"""Python's values -> attribute values of OTLP, in protobuf and in JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from math import isfinite, isnan
from typing import Any

from otel_session_agg._untrusted.values import encodable

_INT64 = range(-(2**63), 2**63)


def into_message(target: Any, value: Any) -> None:
    """Set an ``AnyValue`` of protobuf; a value of a type that OTLP does not have stays unset."""
    if isinstance(value, str):
        target.string_value = encodable(value)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        if value in _INT64:
            target.int_value = value
        else:
            target.double_value = _double(value)
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        add_to_message(target.kvlist_value.values, value)
    elif isinstance(value, (list, tuple)):
        target.array_value.SetInParent()
        for inner in value:
            into_message(target.array_value.values.add(), inner)


def add_to_message(pairs: Any, attributes: Mapping[str, Any]) -> None:
    """Append attributes to a repeated ``KeyValue`` of protobuf."""
    for key, value in attributes.items():
        pair = pairs.add()
        pair.key = encodable(key)
        into_message(pair.value, value)


def as_json(value: Any) -> dict[str, Any]:
    """Return a value in OTLP's JSON form; one of a type that OTLP does not have is empty."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if value in _INT64 else {"doubleValue": _json_double(value)}
    if isinstance(value, float):
        return {"doubleValue": _json_double(value)}
    if isinstance(value, bytes):
        return {"bytesValue": b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": pairs_as_json(value)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [as_json(inner) for inner in value]}}
    return {}


def pairs_as_json(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes in OTLP's JSON form."""
    return [{"key": key, "value": as_json(value)} for key, value in attributes.items()]


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _json_double(value: float) -> float | str:
    number = _double(value)
    if isfinite(number):
        return number
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"
