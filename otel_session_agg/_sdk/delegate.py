"""Choose the exporter that totals go to: given, named, or OTLP by the standard variables."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from opentelemetry.sdk.trace.export import SpanExporter

from otel_session_agg import environment_variables as env
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._guard import warn
from otel_session_agg._sdk.summary import SummaryExporter

_logger = logging.getLogger("otel_session_agg")

_GROUP = "opentelemetry_traces_exporter"
SESSION_AGG = "session_agg"
OTLP = "otlp"
SUMMARY = "summary"
"""The name of ``SummaryExporter``, which is no entry point, since it is useless without totals."""
_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""Names of OTLP exporters, by value of the standard protocol variables."""
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_DECLARED = {"otlp_grpc": "otlp_proto_grpc", "otlp_http": "otlp_proto_http"}
"""Names of exporters, by their name in the declarative configuration."""
_COMPRESSIONS = {
    "otlp_proto_grpc": ("grpc", {"gzip": "Gzip", "deflate": "Deflate", "none": "NoCompression"}),
    "otlp_proto_http": (
        "opentelemetry.exporter.otlp.proto.http",
        {"gzip": "Gzip", "deflate": "Deflate", "none": "NoCompression"},
    ),
}
"""The module of each exporter's enum ``Compression``, and its names by those in the declarative
configuration."""


def downstream(wanted: object, name: str) -> SpanExporter:
    """Return the exporter that an application gives or names.

    Args:
        wanted: An exporter, a name, or a mapping of one name to arguments; ``None``: ``name``.
        name: The name in the settings.

    Raises:
        SettingsError: there is no exporter of that name, or it cannot be made.
        TypeError: ``wanted`` is no exporter, name, or name with arguments.

    """
    if isinstance(wanted, SpanExporter):
        return wanted
    if wanted is None:
        wanted = name
    if isinstance(wanted, str):
        return _made(wanted, {})
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        (name, arguments), *_ = wanted.items()
        return _made(str(name), dict(arguments or {}))
    message = (
        "exporter must be a SpanExporter, a name, or one name with its arguments,"
        f" not {type(wanted).__name__}"
    )
    raise TypeError(message)


def downstream_of_environment(name: str) -> SpanExporter:
    """Return the exporter that the environment names; for an unusable name, log it and use OTLP."""
    try:
        return downstream(None, name)
    except SettingsError as error:
        if name == OTLP:
            raise
        warn(_logger, "%s=%r: %s; OTLP is used", env.OTEL_PYTHON_SESSION_AGG_EXPORTER, name, error)
        return downstream(None, OTLP)


def _made(name: str, arguments: dict[str, Any]) -> SpanExporter:
    if name == SESSION_AGG:
        message = f"exporter {name!r} is not allowed behind itself: name another one"
        raise SettingsError(message)
    if name == SUMMARY:
        if arguments:
            message = f"exporter {name!r} takes no arguments"
            raise SettingsError(message)
        return SummaryExporter()
    if name == OTLP:
        name = _otlp()
    declared, name = name in _DECLARED, _DECLARED.get(name, name)
    found = next(iter(entry_points(group=_GROUP, name=name)), None)
    if found is None:
        message = f"there is no exporter {name!r}: {_advice(name)}"
        raise SettingsError(message)
    try:
        kind = found.load()
        made: SpanExporter = kind(**(_declared(name, arguments) if declared else arguments))
    except (ImportError, TypeError, ValueError, AttributeError, KeyError) as error:
        message = f"exporter {name!r} cannot be made: {error}"
        raise SettingsError(message) from error
    return made


def _otlp() -> str:
    """Return the name of the OTLP exporter by the standard variables.

    Without them it is the first that is installed, gRPC before HTTP, as for the SDK's own ``otlp``.
    """
    protocol = next(
        filter(None, (os.environ.get(variable, "").strip() for variable in _PROTOCOL_VARIABLES)),
        None,
    )
    if protocol is not None and protocol not in _PROTOCOLS:
        message = f"OTLP protocol {protocol!r} is not supported: use {' or '.join(_PROTOCOLS)}"
        raise SettingsError(message)
    installed = {found.name for found in entry_points(group=_GROUP)}
    if protocol is None:
        return next((name for name in _PROTOCOLS.values() if name in installed), _PROTOCOLS["grpc"])
    return _PROTOCOLS[protocol]


def _advice(name: str) -> str:
    if name in _PROTOCOLS.values():
        return "pip install 'otel-session-agg[otlp]'"
    names = {found.name for found in entry_points(group=_GROUP)} - {SESSION_AGG} | {SUMMARY}
    return f"installed are {', '.join(sorted(names))}"


def _declared(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Convert arguments of the declarative configuration to those of the exporter's class.

    Its timeout is in seconds, its headers are a dict.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    listed = (
        pair.partition("=") for pair in str(given.pop("headers_list", "")).split(",") if "=" in pair
    )
    headers = {name.strip(): value.strip() for name, _, value in listed}
    headers.update(
        (str(row["name"]), str(row.get("value") or "")) for row in given.pop("headers", ())
    )
    if headers:
        given["headers"] = headers
    if "timeout" in given:
        given["timeout"] = given["timeout"] / 1000
    if "compression" in given:
        module, members = _COMPRESSIONS[name]
        given["compression"] = getattr(
            import_module(module).Compression, members[given["compression"]]
        )
    return given
