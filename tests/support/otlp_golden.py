"""Make the files in ``tests/cases/otlp``: one trace, as exporters of OTLP write it to files.

Run: ``python -m tests.support.otlp_golden`` (the file of the JavaScript SDK needs ``npm``).

What the collector writes is made by its documentation (``exporter/fileexporter/README.md`` of
``opentelemetry-collector-contrib``, and the specification of OTLP's JSON), and named so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from tests.support.otlp import json_line, protobuf
from tests.support.paths import TESTS

FOLDER = TESTS / "cases" / "otlp"
_NODE_PACKAGES = ("api", "otlp-transformer", "resources", "sdk-trace-base")


def trace() -> list[ReadableSpan]:
    """The trace that all files have, with its own ids and times."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("golden", "1.0")
    remote = SpanContext(int("1" * 32, 16), int("2" * 16, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    root = tracer.start_span("agent", set_span_in_context(NonRecordingSpan(remote)), attributes={"session.id": "s1"})
    below = set_span_in_context(root)
    call: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.request.temperature": 0.5,
    }
    chat = tracer.start_span("chat", below, SpanKind.CLIENT, attributes=call)
    chat.set_attributes({"gen_ai.response.finish_reasons": ("stop",), "streamed": True})
    chat.end()
    tool = tracer.start_span("tool", below)
    tool.add_event("exception", {"exception.type": "Error"})
    tool.set_status(Status(StatusCode.ERROR, "it broke"))
    tool.end()
    root.end()
    return list(exporter.get_finished_spans())


def _sized(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def _of_node() -> bytes:
    """What the JavaScript SDK writes."""
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm
    assert node
    with TemporaryDirectory() as folder:
        script = shutil.copy(TESTS / "recording" / "node" / "otlp_file.mjs", folder)
        (Path(folder) / "package.json").write_text(json.dumps({"private": True, "type": "module"}), encoding="utf-8")
        packages = [f"@opentelemetry/{name}" for name in _NODE_PACKAGES]
        subprocess.run([npm, "install", "--silent", *packages], cwd=folder, check=True)  # noqa: S603
        return subprocess.run([node, script], cwd=folder, check=True, capture_output=True).stdout  # noqa: S603


def main() -> None:
    """Write all files again."""
    spans = trace()
    halves = spans[:1], spans[1:]
    files = {
        "python.pb": protobuf(spans),
        "javascript.json": _of_node(),
        "collector-documented.jsonl": b"".join(map(json_line, halves)),
        "collector-documented.pb": b"".join(_sized(protobuf(half)) for half in halves),
        "collector-documented.zstd.pb": b"".join(_sized(zstandard.compress(protobuf(half))) for half in halves),
        "collector-documented.zstd.json": b"".join(_sized(zstandard.compress(json_line(half).strip())) for half in halves),
    }
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
