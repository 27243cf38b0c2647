"""``python -m tests.documents.picture``: make the README's picture of a session root in a real backend.

A Phoenix from the package index, in an environment of its own, gets one trace of an agent by OTLP; Playwright, in another, drives a
Chromium of the system (``apt-get install chromium``) and writes ``.github/session-root.png``.  Look at it before you commit it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import set_span_in_context

from otel_session_agg import SessionSpanProcessor, Settings, session
from tests.documents.test_backends import Phoenix, phoenix
from tests.support.environments import environment, variables
from tests.support.paths import ROOT
from tests.support.servers import wait_until

PICTURE = ROOT / ".github" / "session-root.png"
_PROJECT = "chat"
_SECONDS = 1_000_000_000
_NUM_SPANS = 6
_ANSWER = "Your order is in Oslo and arrives tomorrow."
_CALLS: tuple[tuple[float, float, str, Mapping[str, Any]], ...] = (
    (0.1, 2.4, "ChatCompletion", {"prompt": 18_400, "completion": 310, "input": "Where is my order 4711?"}),
    (2.5, 2.9, "find_order", {"input": '{"order": 4711}', "output": "shipped on Monday"}),
    (3.0, 5.2, "ChatCompletion", {"prompt": 18_900, "completion": 240, "cached": 18_304}),
    (5.3, 6.1, "track_parcel", {"input": "4711", "output": "in Oslo"}),
    (6.2, 7.9, "ChatCompletion", {"prompt": 19_300, "completion": 180, "cached": 18_816, "output": _ANSWER}),
)
"""What the agent does: from, to (seconds), name, figures and texts."""

_DRIVE = """
import json, sys
from PIL import Image
from playwright.sync_api import sync_playwright

asked = json.load(sys.stdin)
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=asked["chromium"], args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1200, "height": 1280})
    page.set_default_timeout(120_000)
    page.goto(asked["url"], wait_until="domcontentloaded")
    page.get_by_text('"has_feedback"').first.wait_for()
    for name in ("Input", "Output"):
        page.get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_timeout(3_000)  # what moves has come to rest
    page.screenshot(path=asked["path"], clip=asked["clip"])
    browser.close()
# a third of the size
Image.open(asked["path"]).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(asked["path"], optimize=True)
"""
_CLIP = {"x": 301, "y": 96, "width": 899, "height": 1160}
"""The panel with the trace, pixels."""


def send(url: str) -> None:
    """Export the trace of one session."""
    provider = TracerProvider(resource=Resource({"openinference.project.name": _PROJECT}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{url}/v1/traces", timeout=60)
    settings = Settings(profiles=("default", "phoenix"))
    provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(exporter), settings=settings))
    tracer = provider.get_tracer("openinference.instrumentation.openai")
    began_ns = time.time_ns() - 60 * _SECONDS
    with session("chat-42", user_id="ada", metadata={"plan": "pro"}):
        root = tracer.start_span("support agent", start_time=began_ns, attributes={"openinference.span.kind": "AGENT"})
        for start, end, name, said in _CALLS:
            start_ns, end_ns = (began_ns + int(seconds * _SECONDS) for seconds in (start, end))
            tracer.start_span(name, set_span_in_context(root), start_time=start_ns, attributes=_attributes(said)).end(end_ns)
        root.end(began_ns + 8 * _SECONDS)
    assert provider.force_flush(120_000)
    provider.shutdown()


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    """OpenInference's attributes of a call of a model or tool."""
    texts = {f"{name}.value": said[name] for name in ("input", "output") if name in said}
    if "prompt" not in said:
        return {"openinference.span.kind": "TOOL", **texts}
    return {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": said["prompt"],
        "llm.token_count.completion": said["completion"],
        "llm.token_count.prompt_details.cache_read": said.get("cached", 0),
        **texts,
    }


def draw(server: Phoenix, chromium: str, path: Path) -> None:
    """Write the picture of the root, which has to be there."""
    query = """query($id: ID!) {node(id: $id) {... on Project {spans(filterCondition: "parent_id is None", first: 1) {
        edges {node {id trace {traceId}}}}}}}"""
    project = server.project()["id"]
    (root,) = server.ask(query, id=project)["node"]["spans"]["edges"]
    trace = root["node"]["trace"]["traceId"]
    asked = {
        "chromium": chromium,
        "url": f"{server.url}/projects/{project}/traces/{trace}?selectedSpanNodeId={root['node']['id']}",
        "path": str(path),
        "clip": _CLIP,
    }
    python = environment("picture", ["playwright>=1.50", "pillow>=11"])
    subprocess.run([str(python), "-c", _DRIVE], input=json.dumps(asked), env=variables(), text=True, timeout=600, check=True)  # noqa: S603


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.documents.picture", description=__doc__)
    parser.add_argument("--path", type=Path, default=PICTURE, help="where to write it")
    path = parser.parse_args().path
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no chromium here: apt-get install chromium")
    with TemporaryDirectory() as folder, phoenix(Path(folder)) as server:
        send(server.url)
        wait_until(lambda: (server.project() or {}).get("recordCount") == _NUM_SPANS, seconds=120)
        draw(server, chromium, path.absolute())


if __name__ == "__main__":
    main()
