"""What backends export, against OTLP of the same spans."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Explanation, explain
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._otlp.batches import HEAD_BYTES
from otel_session_agg._otlp.formats import FORMATS
from tests.exports.documented import ended
from tests.exports.spans import RESOURCE
from tests.support.exports import EXPORTS, read, read_as, spans_in
from tests.support.otlp import Problems, json_line, protobuf
from tests.support.pipes import piped

OF_MLFLOW = "mlflow-own.jsonl"
SAME = [name for name in EXPORTS if name != OF_MLFLOW]
"""Exports of the same spans."""
JSON = [name for name in EXPORTS if name.endswith((".json", ".jsonl"))]
FIGURES = (
    "num_model_events",
    "num_tool_events",
    "num_errors",
    "num_unpriced_events",
    "cost_pusd",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "start_ns",
    "end_ns",
)


def format_of(name: str) -> str:
    """The format of a file, by its name."""
    backend, _, end = name.partition("-documented")[0].partition("-own")[0].partition(".")
    return end if end in {"csv", "parquet"} else backend


@cache
def expected() -> Explanation:
    """What OTLP of the spans says."""
    return explain(spans_in(read_as("otlp-jsonl", json_line(ended()))))


def figures(rollup: Rollup) -> dict[str, Any]:
    """What has to be the same."""
    return {name: getattr(rollup, name) for name in FIGURES}


class TestTotals:
    """The same spans give the same totals, whoever exported them."""

    @pytest.mark.parametrize("name", SAME)
    def test_same(self, name: str) -> None:
        """In all, and in each session."""
        found = explain(spans_in(read(EXPORTS[name])))
        assert figures(expected().rollup) == figures(found.rollup)
        assert {key: figures(one) for key, one in expected().sessions.items()} == {
            key: figures(one) for key, one in found.sessions.items()
        }

    def test_are_some(self) -> None:
        """There is something to compare."""
        rollup = expected().rollup
        assert (1080, 217, 610_000_000, 2) == (
            rollup.prompt_tokens,
            rollup.completion_tokens,
            rollup.cost_pusd,
            rollup.num_errors,
        )

    def test_own_of_mlflow(self) -> None:
        """What MLflow traces by itself states its session beside the spans."""
        batches = read(EXPORTS[OF_MLFLOW])
        found = explain(spans_in(batches))
        assert (79, 15_900_000, {"s-9"}) == (found.rollup.total_tokens, found.rollup.cost_pusd, set(found.sessions))
        assert {"plan": "pro"} == dict(batches[0].resource)

    @pytest.mark.parametrize("name", [name for name in SAME if not name.startswith(("langfuse", "phoenix"))])
    def test_resource(self, name: str) -> None:
        """The resource is that of the application, where the backend keeps it."""
        assert all(RESOURCE == batch.resource for batch in read(EXPORTS[name]))

    @pytest.mark.parametrize("name", [name for name in SAME if name.startswith(("clickhouse", "jaeger", "zipkin"))])
    def test_fields(self, name: str) -> None:
        """All that is no attribute is the same where the backend keeps it."""
        wanted, found = (
            sorted(spans, key=lambda span: span.start_ns)
            for spans in (spans_in(read_as("otlp-jsonl", json_line(ended()))), spans_in(read(EXPORTS[name])))
        )
        assert wanted == [span._replace(attributes=of.attributes) for span, of in zip(found, wanted, strict=True)]


class TestDetection:
    """Formats are told from each other by how files begin."""

    @pytest.mark.parametrize("name", EXPORTS)
    def test_one(self, name: str) -> None:
        """An export looks like its format and no other, whole or cut."""
        head = EXPORTS[name].read_bytes()[:HEAD_BYTES]
        for size in (len(head), len(head) // 2):
            assert [format_of(name)] == [form.name for form in FORMATS.values() if form.looks_like(head[:size])]

    @pytest.mark.parametrize("layout", [{"indent": 2}, {"sort_keys": True}, {"separators": (",", ":")}])
    @pytest.mark.parametrize("name", JSON)
    def test_layout(self, name: str, layout: dict[str, Any]) -> None:
        """Blanks and the order of keys do not matter."""
        values = [json.loads(line) for line in _texts(EXPORTS[name])]
        data = "\n".join(json.dumps(value, **layout) for value in values).encode()
        assert [format_of(name)] == [form.name for form in FORMATS.values() if form.looks_like(data[:HEAD_BYTES])]
        whole, found = explain(spans_in(read(EXPORTS[name]))), explain(spans_in(read_as(format_of(name), data)))
        assert figures(whole.rollup) == figures(found.rollup)

    @pytest.mark.parametrize(
        ("name", "record"),
        [
            ("langfuse", {"id": "1", "traceId": "2", "startTime": "", "input": "x" * HEAD_BYTES, "type": "SPAN"}),
            ("langfuse", {"id": "1", "trace_id": "2", "type": "SPAN", "input": "x" * HEAD_BYTES, "start_time": ""}),
            ("jaeger", {"processes": {}, "spans": ["x" * HEAD_BYTES], "traceID": "1"}),
            ("zipkin", {"traceId": "1", "id": "2", "kind": "SERVER", "tags": {"a": "x" * HEAD_BYTES}, "timestamp": 1}),
        ],
    )
    def test_long_values(self, name: str, record: dict[str, Any]) -> None:
        """A long value may hide what comes after it."""
        head = json.dumps([record]).encode()[:HEAD_BYTES]
        assert [name] == [form.name for form in FORMATS.values() if form.looks_like(head)]

    @pytest.mark.parametrize("data", [json_line(ended()), protobuf(ended())], ids=["JSON", "protobuf"])
    def test_otlp(self, data: bytes) -> None:
        """OTLP looks like no export."""
        assert all(form.name.startswith("otlp") for form in FORMATS.values() if form.looks_like(data))

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a": 1}', b"a,b\n1,2\n", b"\x00" * 100, b"[" * 5000])
    def test_none(self, data: bytes) -> None:
        """What is none of them looks like none."""
        assert [] == [form.name for form in FORMATS.values() if form.looks_like(data) and not form.name.startswith("otlp")]


def _texts(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [text] if path.suffix == ".json" else text.splitlines()


class TestBroken:
    """Whatever is wrong in a file is reported, and the rest is read."""

    @pytest.mark.parametrize("name", [*JSON, "phoenix.csv", "clickhouse.csv"])
    def test_cut(self, name: str) -> None:
        """What is before the end of a cut file is read."""
        data = EXPORTS[name].read_bytes()
        whole = spans_in(read_as(format_of(name), data))
        problems = Problems()
        found = spans_in(read_as(format_of(name), data[:-40], problems))
        assert 1 == len(problems)
        assert whole[: len(found)] == found

    @pytest.mark.parametrize("name", EXPORTS)
    def test_piped(self, name: str, tmp_path: Path) -> None:
        """A pipe is read once, and its format is found out all the same."""
        with piped(tmp_path / "pipe", EXPORTS[name].read_bytes()) as pipe:
            assert read(EXPORTS[name]) == read(pipe)

    @pytest.mark.parametrize("name", EXPORTS)
    @pytest.mark.parametrize("form", FORMATS)
    def test_wrong_format(self, name: str, form: str) -> None:
        """A file that is read in another format than its own has no fewer spans without a problem."""
        data = EXPORTS[name].read_bytes()
        problems = Problems()
        found = spans_in(read_as(form, data, problems))
        assert problems or len(spans_in(read_as(format_of(name), data))) == len(found)

    @pytest.mark.parametrize("line", [b"none", b"12", b'"text"', b"{", b'{"a": 1}'])
    @pytest.mark.parametrize("name", [name for name in JSON if name.endswith("l")])
    def test_wrong_line(self, name: str, line: bytes) -> None:
        """A line in the middle that is no record is reported, once, and all others are read."""
        lines = EXPORTS[name].read_bytes().splitlines()
        at = len(lines) // 2 + 1
        problems = Problems()
        found = spans_in(read_as(format_of(name), b"\n".join([*lines[: at - 1], line, *lines[at - 1 :]]), problems))
        assert [f"line {at}"] == [place for place, _ in problems]
        assert spans_in(read_as(format_of(name), b"\n".join(lines))) == found

    @pytest.mark.parametrize("name", JSON)
    @given(seed=st.integers(0, 2**32))
    def test_wrong_values(self, name: str, seed: int) -> None:
        """Values of whatever type at whatever place stop nothing, and are not quoted."""
        chance = random.Random(seed)  # noqa: S311 -- no secret
        values = [json.loads(line) for line in _texts(EXPORTS[name])]
        data = "\n".join(json.dumps(_spoilt(value, chance)) for value in values).encode()
        problems = Problems()
        explain(spans_in(read_as(format_of(name), data, problems)))
        assert "secret" not in str(problems)

    @pytest.mark.parametrize("name", EXPORTS)
    @given(seed=st.integers(0, 2**32))
    def test_wrong_bytes(self, name: str, seed: int) -> None:
        """Nor do bytes."""
        chance = random.Random(seed)  # noqa: S311 -- no secret
        data = bytearray(EXPORTS[name].read_bytes())
        for _ in range(chance.randrange(1, 20)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        explain(spans_in(read_as(format_of(name), bytes(data), Problems())))


_WRONG: list[Any] = [None, True, -1, 10**30, 1.5, "", "secret", [], {}, ["secret"], {"secret": [{"secret": None}]}, [[{}]]]


def _spoilt(value: Any, chance: random.Random) -> Any:
    """The value with some other values in it."""
    if chance.random() < 0.03:
        return chance.choice(_WRONG)
    if isinstance(value, dict):
        return {key: _spoilt(inner, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner, chance) for inner in value]
    return value
