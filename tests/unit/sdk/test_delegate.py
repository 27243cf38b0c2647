"""The exporter behind ours: given, named, or OTLP by the standard variables."""

from __future__ import annotations

import logging
from http import HTTPStatus
from importlib import metadata
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExportResult

from otel_session_agg import SettingsError
from otel_session_agg._cli.demo.loopback import Handler, serve
from otel_session_agg._sdk import delegate
from otel_session_agg._sdk.delegate import downstream, downstream_of_environment
from otel_session_agg.testing import RecordingExporter, make_span


class _Requests(Handler):
    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        """Keep the headers of a request."""
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.body()
        self.answer(HTTPStatus.OK, "application/x-protobuf", b"")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of OTLP."""
    for name in ("ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "INSECURE"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_TRACES_{name}", raising=False)


class TestGiven:
    """An exporter, a name, or a name with arguments."""

    def test_exporter(self) -> None:
        """One that is there is used as it is."""
        given = RecordingExporter()
        assert given is downstream(given, "otlp")

    def test_name(self) -> None:
        """A name is that of an entry point."""
        assert isinstance(downstream("console", "otlp"), ConsoleSpanExporter)
        assert isinstance(downstream(None, "console"), ConsoleSpanExporter)

    def test_arguments(self) -> None:
        """Arguments are the exporter's own."""
        made = downstream({"otlp_proto_http": {"endpoint": "http://127.0.0.1:9/x", "timeout": 3}}, "otlp")
        assert isinstance(made, HttpExporter)
        assert "http://127.0.0.1:9/x" == made._endpoint

    def test_declared_http(self) -> None:
        """Those of the declarative configuration are translated: milliseconds, headers in two forms, compression by name."""
        seen: list[dict[str, str]] = []
        arguments = {
            "timeout": 2500,
            "compression": "gzip",
            "headers_list": "a=1,b=2",
            "headers": [{"name": "b", "value": "3"}, {"name": "c", "value": None}],
            "encoding": None,
        }
        with serve(type("Requests", (_Requests,), {"seen": seen})) as url:
            made = downstream({"otlp_http": {"endpoint": f"{url}/v1/traces", **arguments}}, "otlp")
            assert isinstance(made, HttpExporter)
            assert SpanExportResult.SUCCESS is made.export([make_span()])
        assert {"a": "1", "b": "3", "c": "", "content-encoding": "gzip"}.items() <= seen[0].items()
        assert {"timeout": 2.5} == delegate._declared("otlp_proto_http", {"timeout": 2500, "tls": None})

    def test_declared_grpc(self) -> None:
        """So are those for gRPC."""
        made = downstream({"otlp_grpc": {"endpoint": "http://127.0.0.1:9", "compression": "gzip", "timeout": 1000}}, "otlp")
        assert isinstance(made, GrpcExporter)
        made.shutdown()

    @pytest.mark.parametrize(
        ("wanted", "text"),
        [
            ("session_agg", "not allowed behind itself"),
            ("nowhere", "there is no exporter 'nowhere': installed are console"),
            ({"console": {"colour": "red"}}, "cannot be made"),
            ({"otlp_http": {"compression": "zip"}}, "cannot be made"),
        ],
    )
    def test_wrong(self, wanted: Any, text: str) -> None:
        """What leads nowhere is an error that says what is allowed."""
        with pytest.raises(SettingsError, match=text):
            downstream(wanted, "otlp")

    @pytest.mark.parametrize("wanted", [7, {}, {"a": {}, "b": {}}])
    def test_wrong_type(self, wanted: Any) -> None:
        """What is no exporter at all is a wrong type."""
        with pytest.raises(TypeError, match="exporter must be"):
            downstream(wanted, "otlp")


class TestStandardVariables:
    """OTLP, when nothing else is named."""

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({}, GrpcExporter),
            ({"PROTOCOL": "grpc"}, GrpcExporter),
            ({"PROTOCOL": "http/protobuf"}, HttpExporter),
            ({"PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/protobuf"}, HttpExporter),
        ],
    )
    def test_protocol(self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: type) -> None:
        """The protocol's variables decide, that of traces first; gRPC is the default, as it is the SDK's."""
        for name, value in variables.items():
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
        made = downstream(None, "otlp")
        assert isinstance(made, expected)
        made.shutdown()

    def test_endpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The endpoint's variable is the exporter's own affair, with the standard path behind it."""
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        made = downstream(None, "otlp")
        assert isinstance(made, HttpExporter)
        assert "http://127.0.0.1:9/v1/traces" == made._endpoint

    def test_unknown_protocol(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A protocol that is not supported is an error."""
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
        with pytest.raises(SettingsError, match=r"'http/json' is not supported: use grpc or http/protobuf"):
            downstream(None, "otlp")

    def test_only_http_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """When no protocol is named, the one that is installed is used."""
        _only(monkeypatch, "otlp_proto_http")
        assert isinstance(downstream(None, "otlp"), HttpExporter)

    def test_none_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error names the extra."""
        _only(monkeypatch)
        with pytest.raises(SettingsError, match=r"pip install 'otel-session-agg\[otlp\]'"):
            downstream(None, "otlp")


class TestEnvironment:
    """The variable that names another exporter."""

    def test_name(self) -> None:
        """It is used."""
        assert isinstance(downstream_of_environment("console"), ConsoleSpanExporter)

    def test_wrong_name(self, caplog: pytest.LogCaptureFixture) -> None:
        """A name that leads nowhere is logged, and OTLP is used: the application goes on."""
        with caplog.at_level(logging.WARNING):
            made = downstream_of_environment("nowhere")
        assert isinstance(made, GrpcExporter)
        assert "OTEL_PYTHON_SESSION_AGG_EXPORTER='nowhere'" in caplog.text
        made.shutdown()

    def test_no_otlp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without OTLP there is nothing to use instead."""
        _only(monkeypatch)
        with pytest.raises(SettingsError, match="otlp_proto_grpc"):
            downstream_of_environment("otlp")


def _only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let only these exporters be installed."""

    def some(**wanted: str) -> list[Any]:
        found: Any = metadata.entry_points(**wanted)
        return [one for one in found if one.name in names]

    monkeypatch.setattr(delegate, "entry_points", some)
