"""Running a driver, and what becomes of what it wrote."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._environment import Environment
from ._expectation import expectation
from .model_server import serving
from .stacks import Stack

RECORDED = Path(__file__).parent.parent / "cases" / "recorded"
"""Where the recordings are."""

_RUN_SECONDS = 600
_LONG_TEXT = 400
_LONGEST_TEXT = 20_000
_FIGURES = re.compile(r"usage|tokens?\b|token_?count|_cost", re.IGNORECASE)
"""What a text holds that may hold figures; such texts are kept whole."""
_STACK_TRACES = ("exception.stacktrace",)
"""Attributes that hold nothing but the places of files."""

Case = dict[str, Any]


@dataclasses.dataclass
class Recording:
    """What came out."""

    cases: list[Case] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    """Scenarios that did not do what they were meant to; the driver is to be mended."""
    unseen: list[str] = dataclasses.field(default_factory=list)
    """Scenarios of which the instrumentation wrote nothing."""


def record(stack: Stack, environment: Environment) -> Recording:
    """Run the driver against a model server of its own."""
    out = environment.folder / "out.jsonl"
    out.unlink(missing_ok=True)
    recording = Recording()
    with serving() as url:
        command = [*environment.command, *stack.options]
        env = _variables(url, out, environment) | dict(stack.env)
        with (environment.folder / "log.txt").open("w", encoding="utf-8") as log:
            done = subprocess.run(  # noqa: S603 - made of stacks
                command, check=False, stdout=log, stderr=log, env=env, cwd=environment.folder, timeout=_RUN_SECONDS
            )
    if done.returncode or not out.exists():
        recording.problems.append(f"the driver ended with {done.returncode}, see {environment.folder / 'log.txt'}")
    if out.exists():
        _read(stack, environment, out, recording)
    return recording


def write(stack: Stack, recording: Recording) -> Path:
    """Store a recording; the same one always makes the same file."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    path = RECORDED / f"{stack.name}.jsonl.gz"
    lines = "".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in recording.cases)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return path


def _variables(url: str, out: Path, environment: Environment) -> dict[str, str]:
    """Everything the known libraries look at to find a server, and keys that are none."""
    keys = ("OPENAI", "AZURE_OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI", "MISTRAL", "COHERE", "CO", "GROQ", "DEEPSEEK")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ}
    return {
        **kept,
        **{f"{name}_API_KEY": "no-key" for name in keys},
        "RECORDING_SERVER": url,
        "RECORDING_OUT": str(out),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
        "NO_PROXY": "*",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "AZURE_OPENAI_ENDPOINT": url,
        "OPENAI_API_VERSION": "2024-10-21",
        "ANTHROPIC_BASE_URL": url,
        "GOOGLE_GEMINI_BASE_URL": url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        "AWS_ACCESS_KEY_ID": "no-key",
        "AWS_SECRET_ACCESS_KEY": "no-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "OLLAMA_HOST": url,
        "MISTRAL_BASE_URL": f"{url}/mistral",
        "COHERE_BASE_URL": f"{url}/cohere",
        "CO_API_URL": f"{url}/cohere",
        "GROQ_BASE_URL": f"{url}/groq",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TRACELOOP_TELEMETRY": "false",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        "HOSTNAME": "recorder",
        "RECORDING_FOLDER": str(environment.folder),
    }


def _read(stack: Stack, environment: Environment, out: Path, recording: Recording) -> None:
    text = out.read_text(encoding="utf-8").replace(str(environment.folder), "/recording").replace(str(Path.home()), "/home")
    first, *rows = (json.loads(line) for line in text.splitlines())
    versions = ", ".join(first["versions"])
    for row in rows:
        problem = _problem(row)
        case = _case(stack, versions, row)
        if problem:
            recording.problems.append(f"{row['scenario']}: {problem}")
        elif case["spans"]:
            recording.cases.append(case)
        else:
            recording.unseen.append(row["scenario"])


def _problem(row: dict[str, Any]) -> str | None:
    """Why a scenario is no case."""
    failing = any(call["status"] >= 400 or call.get("cut") for call in row["served"])
    if row.get("error") and not failing:
        return str(row["error"])
    return None if row["served"] else "nothing was served"


def _case(stack: Stack, versions: str, row: dict[str, Any]) -> Case:
    scenario = row["scenario"]
    left_out = stack.left_out(scenario)
    rootless = bool(row.get("rootless"))
    return {
        "id": f"{stack.name}/{scenario}",
        "source": "recording",
        "convention": versions,
        "scenario": scenario,
        "basis": "recorded",
        "group": stack.name,
        "rootless": rootless,
        "spans": [_shortened(span) for span in (row["spans"] if rootless else _below(row["spans"]))],
        "expect": expectation(row["served"], left_out, row.get("session_id")),
        "left_out": list(left_out),
        "notes": stack.why if left_out else "",
        "served": row["served"],
    }


def _below(spans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The spans without the application's, unless something wrote on that."""
    gone = {span["id"] for span in spans if span["name"] == "app" and not span["parent"] and not span["attributes"]}
    for span in spans:
        if span["id"] not in gone:
            yield {**span, "parent": None if span["parent"] in gone else span["parent"]}


def _shortened(span: dict[str, Any]) -> dict[str, Any]:
    status = {**span.get("status", {})}
    status["description"] = _text(status.get("description"))
    events = [{**event, "attributes": _attributes(event.get("attributes") or {})} for event in span.get("events") or ()]
    return {**span, "attributes": _attributes(span["attributes"]), "events": events, "status": status}


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: _text(value) for key, value in attributes.items() if key not in _STACK_TRACES}


def _text(value: Any) -> Any:
    """A value with its long texts cut, unless they hold figures."""
    if isinstance(value, list):
        return [_text(part) for part in value]
    if not isinstance(value, str) or len(value) <= _LONG_TEXT:
        return value
    return value[:_LONGEST_TEXT] if _FIGURES.search(value) else value[:_LONG_TEXT]
