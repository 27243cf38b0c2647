"""What is peculiar to one export, beyond what the recorded ones have."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from otel_session_agg import explain
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp import csv_rows
from otel_session_agg._otlp.batches import Frame
from otel_session_agg._otlp.exports import NO_COLUMNS, read_any
from tests.support.exports import EXPORTS, read, read_as, spans_in
from tests.support.otlp import Problems

_TIMES = {"timestamp": 1_772_366_400_000_000, "duration": 10}
_ID, _OTHER = "5a5a000000000011", "5a5a000000000012"
_TRACE = "a5a50000000000000000000000000001"


def one(name: str, *rows: Any) -> list[SpanData]:
    """The spans of these records."""
    return spans_in(read_as(name, json.dumps(rows).encode()))


class TestZipkin:
    """Tags and annotations."""

    @staticmethod
    def _read(**fields: Any) -> SpanData:
        (span,) = one("zipkin", {"traceId": _TRACE, "id": _ID, **_TIMES, **fields})
        return span

    def test_shared(self) -> None:
        """The span of a server with the id of its client's span is a span of its own, below it."""
        client = {"traceId": _TRACE, "id": _ID, "kind": "CLIENT", **_TIMES}
        first, second = one("zipkin", client, {**client, "kind": "SERVER", "shared": True})
        assert first.span_id == second.parent_id != second.span_id

    @pytest.mark.parametrize(
        ("tags", "failed", "description"),
        [
            ({"error": "no money"}, True, "no money"),
            ({"error": ""}, True, None),
            ({"error": "true"}, True, None),
            ({"error": "false"}, False, None),
            ({"otel.status_code": "ERROR", "error": "no money"}, True, "no money"),
            ({"otel.status_code": "OK"}, False, None),
            ({}, False, None),
        ],
    )
    def test_error(self, tags: dict[str, str], failed: bool, description: str | None) -> None:  # noqa: FBT001 -- of a table
        """An error is a tag, whose value may describe it."""
        span = self._read(tags=tags)
        assert (failed, description, {}) == (span.failed, span.status_description, span.attributes)

    @pytest.mark.parametrize(
        ("value", "event"),
        [
            ("cs", SpanEvent("cs", {}, 1000)),
            ('{"exception": {"a": 1}}', SpanEvent("exception", {"a": 1}, 1000)),
            ('exception|{"a": "b|c"}|0', SpanEvent("exception", {"a": "b|c"}, 1000)),
            ('{"a": 1}', SpanEvent('{"a": 1}', {}, 1000)),
            ("{", SpanEvent("{", {}, 1000)),
        ],
    )
    def test_events(self, value: str, event: SpanEvent) -> None:
        """An annotation is an event, with attributes in two notations."""
        assert (event,) == self._read(annotations=[{"timestamp": 1, "value": value}]).events

    def test_short_ids(self) -> None:
        """A trace id of 64 bits is one."""
        assert 0xAB == self._read(traceId="00000000000000ab").trace_id

    def test_dropped(self) -> None:
        """The number of attributes that were dropped is read."""
        assert 3 == self._read(tags={"otel.dropped_attributes_count": "3"}).dropped_attributes


class TestJaeger:
    """References and tags."""

    @staticmethod
    def _read(**fields: Any) -> SpanData:
        (span,) = one("jaeger", {"traceID": _TRACE, "spanID": _ID, "startTime": 1_772_366_400_000_000, **fields})
        return span

    def test_parent(self) -> None:
        """The parent is the first one in the same trace; links are no parents."""
        other = {"traceID": "ff", "spanID": "1", "refType": "CHILD_OF"}
        link = {"traceID": _TRACE, "spanID": "2", "refType": "FOLLOWS_FROM"}
        assert 3 == self._read(references=[other, link, {**other, "traceID": _TRACE, "spanID": "3"}]).parent_id
        assert self._read(references=[other, link]).parent_id is None
        assert 4 == self._read(parentSpanID="4").parent_id

    def test_stored(self) -> None:
        """A span as Elasticsearch keeps it has its process in it."""
        process = {"serviceName": "shop", "tags": [{"key": "a", "type": "int64", "value": "1"}]}
        row = {"traceID": _TRACE, "spanID": _ID, "startTime": 1, "process": process}
        (batch,) = read_as("jaeger", json.dumps(row).encode())
        assert {"service.name": "shop", "a": "1"} == batch.resource

    def test_older_scope(self) -> None:
        """Older exporters call the scope a library."""
        tags = [{"key": f"otel.library.{name}", "value": name} for name in ("name", "version")]
        assert ("name", "version") == (self._read(tags=tags).scope_name, self._read(tags=tags).scope_version)


class TestLangfuse:
    """Traces beside observations, and their older fields."""

    _GENERATION: ClassVar[dict[str, Any]] = {
        "id": _ID,
        "type": "GENERATION",
        "startTime": "2026-03-01T12:00:00Z",
        "model": "gpt-4o",
    }

    def test_older_usage(self) -> None:
        """Counts and cost of the older API."""
        usage = {"input": 10, "output": 2, "total": 12, "unit": "TOKENS"}
        row = {**self._GENERATION, "traceId": _TRACE, "usage": usage, "calculatedTotalCost": 0.5}
        rollup = explain(one("langfuse", row)).rollup
        assert (10, 2, 500_000_000_000) == (rollup.prompt_tokens, rollup.completion_tokens, rollup.cost_pusd)

    def test_other_unit(self) -> None:
        """Characters are no tokens."""
        row = {**self._GENERATION, "traceId": _TRACE, "usage": {"input": 10, "unit": "CHARACTERS"}}
        assert explain(one("langfuse", row)).rollup.prompt_tokens is None

    def test_separate_files(self) -> None:
        """Traces and observations of older exports, in whatever order, are one trace of one session."""
        trace = {"id": "my trace", "timestamp": "2026-03-01 12:00:00.000000", "name": "chat", "session_id": "s-1"}
        row = {**self._GENERATION, "trace_id": "my trace", "usage_details": {"input": 10, "output": 2}}
        spans = one("langfuse", {**row, "id": "my call"}) + one("langfuse", trace)
        assert [spans[1].span_id, None] == [span.parent_id for span in spans]
        assert {"s-1"} == set(explain(spans).sessions)

    def test_alone(self) -> None:
        """Observations that state their trace's session, if only that it has none, need no trace."""
        (span,) = one("langfuse", {**self._GENERATION, "traceId": _TRACE, "sessionId": None})
        assert span.parent_id is None

    def test_resource(self) -> None:
        """The resource of a span that came over OTLP is among its metadata."""
        row = {**self._GENERATION, "traceId": _TRACE, "metadata": {"resourceAttributes": {"service.name": "shop"}}}
        (batch,) = read_as("langfuse", json.dumps({**row, "environment": "test"}).encode())
        assert {"service.name": "shop", "deployment.environment.name": "test"} == batch.resource

    def test_ids(self) -> None:
        """UUIDs of 128 bits are trace ids as they are."""
        (span,) = one("langfuse", {**self._GENERATION, "traceId": "a5a50000-0000-0000-0000-000000000001"})
        assert int(_TRACE, 16) == span.trace_id

    def test_download(self) -> None:
        """A trace that was downloaded stands beside its observations."""
        trace = {"id": _TRACE, "timestamp": "2026-03-01T12:00:00Z", "sessionId": "s-1", "userId": "ada"}
        spans = one("langfuse", {"trace": trace, "observations": [self._GENERATION]})
        assert [None, spans[0].span_id] == [span.parent_id for span in spans]


class TestMlflow:
    """Its schemas."""

    def test_second_schema(self) -> None:
        """Version 2 of the schema has other names."""
        span = {
            "name": "chat", "context": {"trace_id": f"0x{_TRACE}", "span_id": f"0x{_ID}"}, "parent_id": None,
            "start_time": 1_772_366_400_000_000_000, "end_time": 1_772_366_401_000_000_000, "status_code": "ERROR",
            "status_message": "no", "attributes": {"mlflow.spanType": '"LLM"', "a": "1", "b": '"x"', "c": "[1]"},
            "events": [{"name": "e", "timestamp": 5, "attributes": {"k": "v"}}],
        }  # fmt: skip
        info = {"request_id": "tr-1", "request_metadata": {"mlflow.trace.session": "s-1"}, "tags": {"plan": "pro"}}
        (batch,) = read_as("mlflow", json.dumps({"info": info, "data": {"spans": [span]}}).encode())
        (found,) = batch.spans
        assert {"plan": "pro"} == batch.resource
        assert {"mlflow.trace.session": "s-1", "mlflow.spanType": "LLM", "a": 1, "b": "x", "c": "[1]"} == found.attributes
        assert (int(_TRACE, 16), int(_ID, 16), True, "no") == (
            found.trace_id,
            found.span_id,
            found.failed,
            found.status_description,
        )
        assert (SpanEvent("e", {"k": "v"}, 5),) == found.events

    def test_table(self) -> None:
        """A row of the table of traces has the trace as text."""
        span = {"trace_id": _TRACE, "span_id": _ID, "parent_span_id": _OTHER, "start_time_unix_nano": 5, "attributes": {}}
        trace = json.dumps({"info": {}, "data": {"spans": [span]}})
        (found,) = one("mlflow", {"trace": trace, "trace_metadata": {}, "spans": [span]})
        assert (int(_OTHER, 16), 5, 5) == (found.parent_id, found.start_ns, found.end_ns)

    def test_without_spans(self) -> None:
        """A trace whose spans were left out is reported."""
        problems = Problems()
        assert [] == read_as("mlflow", b'{"info": {}, "data": {"spans": []}}', problems)
        assert 1 == len(problems)

    @pytest.mark.parametrize("text", ["====", "\u00e9=", "A" * 10**5 + "=", "tr-"])
    def test_wrong_ids(self, text: str) -> None:
        """An id that is none is reported."""
        problems = Problems()
        row = {"info": {}, "data": {"spans": [{"trace_id": text, "span_id": text, "start_time_unix_nano": 5}]}}
        assert [] == read_as("mlflow", json.dumps(row).encode(), problems)
        assert [("line 1, span 1", "no valid trace id")] == problems


class TestRows:
    """Columns of several names."""

    def test_console(self) -> None:
        """What ``ConsoleSpanExporter`` prints: documents one after the other."""
        printed = {
            "name": "chat", "context": {"trace_id": f"0x{_TRACE}", "span_id": f"0x{_ID}", "trace_state": "[]"},
            "kind": "SpanKind.CLIENT", "parent_id": f"0x{_OTHER}", "start_time": "2026-03-01T12:00:00.000000Z",
            "end_time": "2026-03-01T12:00:01.000000Z", "status": {"status_code": "ERROR", "description": "no"},
            "attributes": {"a": [1, 2]}, "events": [{"name": "e", "timestamp": "2026-03-01T12:00:00Z", "attributes": {"k": 1}}],
            "links": [], "resource": {"attributes": {"service.name": "shop"}, "schema_url": ""},
        }  # fmt: skip
        batches = read_as("phoenix", (json.dumps(printed, indent=4) + "\n").encode() * 2)
        (found, same) = spans_in(batches)
        assert found == same
        assert ("CLIENT", True, "no", {"a": [1, 2]}) == (
            found.span_kind,
            found.failed,
            found.status_description,
            found.attributes,
        )
        assert {"service.name": "shop"} == batches[0].resource
        assert 1_000_000_000 == found.end_ns - found.start_ns

    def test_plain(self) -> None:
        """A table with the names of OTLP; attributes are an object, its text, or pairs."""
        row = {"trace_id": _TRACE, "span_id": _ID, "name": "a", "start_time_unix_nano": 5, "service_name": "shop"}
        same: list[Any] = [{"a": 1}, '{"a": 1}', [["a", 1]], [{"key": "a", "value": 1}]]
        assert [{"a": 1}] * 4 == [span.attributes for span in one("spans", *({**row, "attributes": value} for value in same))]

    def test_nested(self) -> None:
        """Attributes in each other get dots, lists of them numbers; Phoenix's kind is an attribute."""
        row = {
            "context.trace_id": _TRACE, "context.span_id": _ID, "start_time": 1_772_366_400, "span_kind": "LLM",
            "attributes.llm": {"messages": [{"role": "user"}], "tags": ["a"], "none": None}, "attributes.b": None,
        }  # fmt: skip
        (span,) = one("phoenix", row)
        assert {"llm.messages.0.role": "user", "llm.tags": ["a"], "openinference.span.kind": "LLM"} == span.attributes

    def test_texts_stay(self) -> None:
        """Texts of attributes that look like objects stay texts."""
        stated = {"a": '{"b": 1}', "c": "{'d': 1}", "e": "[1]"}
        (span,) = one("spans", {"trace_id": _TRACE, "span_id": _ID, "start_time": 5, "attributes": stated})
        assert stated == span.attributes

    def test_deep(self) -> None:
        """Attributes that are very deep stay as they are."""
        deep: Any = 1
        for _ in range(500):
            deep = {"a" * 1000: deep}
        (span,) = one("spans", {"trace_id": _TRACE, "span_id": _ID, "start_time": 5, "attributes": deep})
        assert 15_000 > len(next(iter(span.attributes)))


class TestCsv:
    """Rows and quotes."""

    _HEADER = b"\xef\xbb\xbftrace_id,span_id,start_time,name\r\n"

    def test_rows(self) -> None:
        """Quoted commas, quotes and lines."""
        row = f'{_TRACE},{_ID},5,"a, ""b""\r\nc"\r\n'.encode()
        assert ['a, "b"\r\nc'] * 2 == [span.name for span in spans_in(read_as("csv", self._HEADER + row * 2))]

    def test_many(self) -> None:
        """More rows than a frame has."""
        rows = "".join(f"{_TRACE},{number:x},5,{'x' * 300}\n" for number in range(1, 3001))
        assert list(range(1, 3001)) == [span.span_id for span in spans_in(read_as("csv", self._HEADER + rows.encode()))]

    def test_broken(self) -> None:
        """Rows with too few columns are left out."""
        problems = Problems()
        data = self._HEADER + f"{_TRACE},{_ID},5\n\n{_TRACE},{_ID},5,a\n".encode()
        assert 1 == len(spans_in(read_as("csv", data, problems)))
        assert [("line 2, row 1", "another number of columns than in the header")] == problems

    def test_other_columns(self) -> None:
        """Other columns are reported."""
        problems = Problems()
        assert [] == read_as("csv", b"a,b\n1,2\n", problems)
        assert [("line 1", NO_COLUMNS)] == problems

    @pytest.mark.parametrize("before", [0, 1, 3000])
    def test_open_quote(self, before: int) -> None:
        """What comes after a quote that is not closed is reported with its line, and the rows before it are read."""
        problems = Problems()
        rows = "".join(f"{_TRACE},{number:x},5,{'x' * 300}\n" for number in range(1, before + 1))
        data = self._HEADER + f'{rows}{_TRACE},{_ID},5,"a\n{_TRACE},{_ID},5,b\n'.encode()
        assert before == len(spans_in(read_as("csv", data, problems)))
        assert [f"line {before + 2}"] == [place for place, _ in problems]

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So is a cell that is too large, and a quote that stays open for too long."""
        monkeypatch.setattr(csv_rows, "MAX_FRAME_BYTES", 100)
        problems = Problems()
        row = f"{_TRACE},{_ID},5,{'x' * 200}\n".encode()
        assert [] == list(csv_rows.decode(Frame("line 2", self._HEADER + row), problems))
        assert [] == read_as("csv", self._HEADER + b'"a\n' + b"b\n" * 100, problems)
        assert [("line 2", "no valid CSV"), ("line 2", problems[1][1])] == problems

    def test_long_cell(self) -> None:
        """A cell may be longer than Python's module takes otherwise."""
        data = self._HEADER + f"{_TRACE},{_ID},5,{'x' * 500_000}\n".encode()
        assert [500_000] == [len(span.name) for span in spans_in(read_as("csv", data))]


class TestReadAny:
    """Records of any export."""

    def test_unknown(self) -> None:
        """A record of something else is reported."""
        problems = Problems()
        assert [] == list(read_any({"a": 1}, problems, "row 1"))
        assert [("row 1", "a record of no known export")] == problems


class TestParquet:
    """Files in place, and streams."""

    _SAME = EXPORTS["clickhouse.parquet"]

    @pytest.mark.parametrize("name", ["a.parquet", "a [1]*.parquet", "a'b.parquet", os.fsdecode(b"\xff.parquet")])
    def test_names(self, name: str, tmp_path: Path) -> None:
        """No name of a file is taken for a pattern or for SQL."""
        path = tmp_path / name
        path.write_bytes(self._SAME.read_bytes())
        (tmp_path / "a 1.parquet").write_bytes(b"PAR1")
        assert spans_in(read(self._SAME)) == spans_in(read(path))

    def test_compressed(self, tmp_path: Path) -> None:
        """Parquet that is compressed as a whole is copied first."""
        path = tmp_path / "a.parquet.gz"
        path.write_bytes(gzip.compress(self._SAME.read_bytes()))
        assert spans_in(read(self._SAME)) == spans_in(read(path))

    def test_many(self, tmp_path: Path) -> None:
        """More rows than a frame has."""
        path = tmp_path / "a.parquet"
        pq.write_table(pa.concat_tables([pq.read_table(self._SAME)] * 200), path)
        assert 1800 == len(spans_in(read(path)))

    def test_broken(self) -> None:
        """What is no Parquet is reported."""
        problems = Problems()
        assert [] == read_as("parquet", b"PAR1 or not", problems)
        assert [("", "no Parquet, or not all of it")] == problems

    def test_names_of_columns(self) -> None:
        """So is what names its columns by what is no text, of which DuckDB's error is none of its own."""
        problems = Problems()
        assert [] == read_as("parquet", self._SAME.read_bytes().replace(b"TraceId", b"\xffraceId"), problems)
        assert [("", "no Parquet, or not all of it")] == problems

    def test_no_utf_8(self, tmp_path: Path) -> None:
        """So is a text that is not UTF-8."""
        rows = pq.read_table(self._SAME)
        names = pa.array([b"a\xffb"] * len(rows), type=pa.binary()).view(pa.string())
        path = tmp_path / "a.parquet"
        pq.write_table(rows.set_column(rows.schema.names.index("SpanName"), "SpanName", names), path)
        problems = Problems()
        assert [] == read(path, problems)
        assert [("", "a text is not UTF-8; the rows from here on were not read")] == problems

    def test_other_columns(self, tmp_path: Path) -> None:
        """Parquet of something else is reported."""
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"a": [1, 2]}), path)
        problems = Problems()
        assert [] == read(path, problems)
        assert [("", NO_COLUMNS)] == problems
