"""What a driver is written with; runs in the stack's own environment, where only OpenTelemetry is there besides it.

A driver attaches the recorder to a tracer provider (``provider`` makes one, ``use`` takes a vendor's), turns its instrumentations
on, defines scenarios and calls ``run``. Every scenario is run once for each of its plans (see the model server) below an
application span and once without one. What it wrote, what was served meanwhile and how it ended go to the file that the variable
``RECORDING_OUT`` names, one JSON object a line; the first line names the versions.

The scenario ``session`` sets a session id by the library's own means and returns it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import sys
import threading
import time
import traceback
import urllib.request
from importlib import metadata
from pathlib import Path

from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

URL = os.environ["RECORDING_SERVER"]
"""The model server."""
GPT = "gpt-4o-mini"
EMBEDDING = "text-embedding-3-small"
CLAUDE = "claude-sonnet-4-5-20250929"
GEMINI = "gemini-2.5-flash"
BEDROCK_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

_SECONDS = 60.0
"""What an asynchronous scenario may take."""
_SETTLE_SECONDS = 3.0
"""How long to wait for spans that end after their scenario did."""


class _Recorder(SpanProcessor):
    """Keeps the spans that end, and counts those that are open."""

    def __init__(self):
        self._lock = threading.Lock()
        self._ended = []
        self._open = 0

    def on_start(self, *_, **__):
        with self._lock:
            self._open += 1

    def on_end(self, span):
        with self._lock:
            self._open -= 1
            self._ended.append(span)

    def shutdown(self):
        """Nothing is held."""

    def force_flush(self, *_, **__):
        return True

    def settle(self):
        """Wait a while until no span is open."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._open and time.monotonic() < deadline:
            time.sleep(0.02)

    def take(self):
        """The spans that ended since the last time; those still open then are forgotten."""
        with self._lock:
            ended, self._ended = self._ended, []
            self._open = 0
        return ended


_recorder = _Recorder()
_providers = []
_scenarios = []
_versions = []


def provider(**arguments):
    """A new tracer provider, which is recorded and global."""
    made = TracerProvider(**arguments)
    trace.set_tracer_provider(made)
    return use(made)


def use(existing):
    """Record a tracer provider that someone else made."""
    existing.add_span_processor(_recorder)
    _providers.append(existing)
    return existing


def options():
    """The words that the stack gives to its driver."""
    return sys.argv[1:]


def versions(*distributions):
    """Name the distributions whose versions make the recording what it is."""
    _versions.extend(f"{name} {metadata.version(name)}" for name in distributions)


def scenario(name, plans=("plain",)):
    """Make a function, or a coroutine function, a scenario."""

    def register(function):
        _scenarios.append((name, tuple(plans), function))
        return function

    return register


def run():
    """Run all scenarios, write them down, and end the process whatever threads are left."""
    with Path(os.environ["RECORDING_OUT"]).open("w", encoding="utf-8") as out:
        out.write(json.dumps({"versions": _versions}) + "\n")
        for name, plans, function in _scenarios:
            for plan in plans:
                for rootless in (False, True):
                    row = _played(f"{name}/{plan}", plan, function, rootless=rootless)
                    out.write(json.dumps(row, default=str) + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _played(name, plan, function, *, rootless):
    """One scenario under one plan."""
    _ask("/_plan", {"name": plan})
    _ask("/_served")
    _recorder.take()
    session_id, error = None, None
    application = contextlib.nullcontext() if rootless else _providers[-1].get_tracer("app").start_as_current_span("app")
    with application:
        try:
            session_id = _called(function)
        except Exception as caught:  # noqa: BLE001 - whatever a library raises is what is to be recorded
            error = f"{type(caught).__name__}: {caught}"
            if plan not in ("error", "cut"):
                traceback.print_exc()
    _recorder.settle()
    for known in _providers:
        known.force_flush()
    return {
        "scenario": name + ("-rootless" if rootless else ""),
        "plan": plan,
        "rootless": rootless,
        "spans": [_row(span) for span in _recorder.take()],
        "served": _ask("/_served"),
        "session_id": session_id if name.startswith("session") else None,
        "error": error,
    }


def _called(function):
    if inspect.iscoroutinefunction(function):
        return asyncio.run(asyncio.wait_for(function(), _SECONDS))
    return function()


def _ask(path, body=None):
    """Ask the model server, past whatever instruments HTTP."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"content-type": "application/json"})  # noqa: S310 - our own server
    with _unseen(), urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


@contextlib.contextmanager
def _unseen():
    """Keep instrumentations of HTTP from writing spans of our own questions."""
    unseen = context.get_current()
    for key in (context._SUPPRESS_INSTRUMENTATION_KEY, context._SUPPRESS_HTTP_INSTRUMENTATION_KEY):
        unseen = context.set_value(key, "yes", unseen)
    token = context.attach(unseen)
    try:
        yield
    finally:
        context.detach(token)


def _row(span):
    """A span as the cases have it."""
    scope = span.instrumentation_scope
    return {
        "name": span.name,
        "id": f"{span.context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "trace": f"{span.context.trace_id:032x}",
        "kind": span.kind.name,
        "scope": scope.name if scope else "",
        "scope_version": (scope.version or "") if scope else "",
        "attributes": dict(span.attributes or {}),
        "events": [{"name": e.name, "attributes": dict(e.attributes or {}), "time_ns": e.timestamp} for e in span.events],
        "status": {"code": span.status.status_code.name, "description": span.status.description},
        "start_ns": span.start_time,
        "end_ns": span.end_time,
    }
