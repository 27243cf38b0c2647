"""What the SDK's variables mean for totals: exporters, sampler, limits, and whether it is on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from opentelemetry.sdk.trace import SpanLimits

from otel_session_agg import environment_variables as env
from otel_session_agg._cli.doctor_text import Attempt, Fact, Section
from otel_session_agg._sdk.delegate import SESSION_AGG, downstream
from otel_session_agg._sdk.sampler import NAME as RECORDING
from otel_session_agg._sdk.sampler import record_unsampled
from otel_session_agg._untrusted.masked import masked

_EXPORTERS, _SAMPLERS = "opentelemetry_traces_exporter", "opentelemetry_traces_sampler"
_DISABLED = "OTEL_SDK_DISABLED"
_FILE = "OTEL_CONFIG_FILE"
_TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLER, _SAMPLER_ARG = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_LIMITS = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
_LENGTH_LIMITS = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
_USUAL_LIMIT = 128
"""The SDK's own limit of attributes; a chat of about 55 messages reaches it."""
_SHORTEST = 1024
"""Characters that ids, names and the JSON of usage need."""
_NONE = "none"


def sdk_sections(exporter: str, attempt: Attempt) -> list[Section]:
    """Return the findings about the SDK's set-up; ``exporter`` is the name of the one behind."""
    return [_sdk(), _exporters(exporter, attempt), _sampler(attempt), _limits(attempt)]


def _first(*variables: str) -> tuple[str, str]:
    """Return the value of the first variable that is set, and its name."""
    return next(
        ((value, name) for name in variables if (value := os.environ.get(name, "").strip())),
        ("", "default"),
    )


def _sdk() -> Section:
    is_off = _first(_DISABLED)[0].lower() == "true"
    file, source = _first(_FILE)
    problems = (
        [f"{_DISABLED} is true: there are no spans and no totals; unset it."] if is_off else []
    )
    notes = []
    if file:
        notes.append(
            f"{_FILE} is set: exporters, sampler and limits come from that file,"
            " and these variables do not count."
        )
        if not Path(file).is_file():
            problems.append(f"{_FILE} names {file}, which is no file.")
        if find_spec("opentelemetry.configuration") is None:
            problems.append(
                f"{_FILE} needs a package that is not installed:"
                " pip install opentelemetry-configuration."
            )
    return Section(
        "SDK",
        [Fact("disabled", is_off, _first(_DISABLED)[1]), Fact("file", file or None, source)],
        problems,
        notes,
    )


def _exporters(behind: str, attempt: Attempt) -> Section:
    named, source = _first(_TRACES_EXPORTER)
    names = [name.strip() for name in named.split(",") if name.strip()] or ["otlp"]
    endpoint, endpoint_source = _first(*_ENDPOINTS)
    facts = [
        Fact("exporters", names, source),
        Fact("OTLP endpoint", masked(endpoint) or None, endpoint_source),
    ]
    facts.append(Fact("OTLP protocol", *_or("grpc", *_first(*_PROTOCOLS))))
    installed = {one.name for one in entry_points(group=_EXPORTERS)}
    problems = [
        f"{_TRACES_EXPORTER} names {name!r}, which is not installed."
        for name in names
        if source != "default" and name not in {*installed, _NONE}
    ]
    problems += [f"{_TRACES_EXPORTER} is none: no span is exported."] if _NONE in names else []
    notes = []
    if SESSION_AGG not in names:
        notes.append(
            f"{_TRACES_EXPORTER} does not name {SESSION_AGG}:"
            " there are totals only where code adds SessionSpanProcessor."
        )
        return Section("exporters", facts, problems, notes)
    if "otlp" in names and behind == "otlp":
        problems.append(
            f"{_TRACES_EXPORTER} names {SESSION_AGG} and otlp: every span is exported twice;"
            f" {SESSION_AGG} alone exports by OTLP."
        )
    error = attempt(partial(_made, behind))[1]
    if error:
        problems.append(
            f"The exporter behind {SESSION_AGG} ({env.OTEL_PYTHON_SESSION_AGG_EXPORTER})"
            f" cannot be used: {error}."
        )
    return Section("exporters", [*facts, Fact(f"behind {SESSION_AGG}", behind)], problems, notes)


def _made(name: str) -> bool:
    downstream(None, name).shutdown()
    return True


def _or(default: str, value: str, source: str) -> tuple[str, str]:
    return value or default, source


def _sampler(attempt: Attempt) -> Section:
    given, source = _first(_SAMPLER)
    argument, argument_source = _first(_SAMPLER_ARG)
    facts = [
        Fact("sampler", given or "parentbased_always_on", source),
        Fact("argument", argument or None, argument_source),
    ]
    name = given.lower()
    problems = list(_sampler_problems(name, argument))
    error = attempt(record_unsampled)[1] if name == RECORDING else ""
    problems += [f"{_SAMPLER} is {name}, but {error}; every trace is sampled."] if error else []
    return Section("sampler", facts, problems, list(_sampler_notes(name, argument)))


def _sampler_problems(name: str, argument: str) -> Iterator[str]:
    if name and name not in {one.name for one in entry_points(group=_SAMPLERS)}:
        yield (
            f"{_SAMPLER} names {name!r}, which is no sampler that is installed:"
            " every trace is sampled."
        )
    if name.removeprefix("parentbased_") == "always_off":
        yield (
            f"{_SAMPLER} is {name}: traces that begin here are not sampled,"
            " so that nothing is counted."
        )
    if name.endswith("traceidratio") and _ratio(argument) is None:
        yield f"{_SAMPLER_ARG}={argument!r} is no share from 0 to 1, so every trace is sampled."


def _sampler_notes(name: str, argument: str) -> Iterator[str]:
    share = _ratio(argument)
    if name.endswith("traceidratio") and share is not None and share < 1:
        yield (
            f"{_SAMPLER} samples a share of {share:g} of all traces,"
            " and only those are in totals, budgets and metrics;"
            f" {_SAMPLER}={RECORDING} {_SAMPLER_ARG}={name}:{share:g} counts the others, too."
        )


def _ratio(argument: str) -> float | None:
    try:
        share = float(argument)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _limits(attempt: Attempt) -> Section:
    limits, error = attempt(SpanLimits)
    if limits is None:
        return Section(
            "limits",
            [],
            [f"The SDK's limits cannot be read, so that tracing does not start: {error}."],
        )
    number, length = limits.max_span_attributes, limits.max_span_attribute_length
    facts = [
        Fact("attributes of a span", number, _first(*_LIMITS)[1]),
        Fact("characters of a value", length, _first(*_LENGTH_LIMITS)[1]),
    ]
    problems, notes = [], []
    more = f"set {_LIMITS[0]}=1000"
    if number is not None and number < _USUAL_LIMIT:
        problems.append(
            f"A span keeps {number} attributes,"
            f" so that usage, models and sessions are lost: {more}."
        )
    elif number == _USUAL_LIMIT:
        notes.append(
            f"A span keeps {number} attributes:"
            f" chats of more than about 55 messages may lose their tokens; {more}."
        )
    if length is not None and length < _SHORTEST:
        problems.append(
            f"Values are cut after {length} characters, so that usage in JSON is lost:"
            f" unset {_LENGTH_LIMITS[0]}."
        )
    return Section("limits", facts, problems, notes)
