"""What an application gives to the processor or the exporter: mappings, and what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from otel_session_agg import (
    PriceBook,
    SessionSpanExporter,
    SessionSpanProcessor,
    Settings,
    SettingsError,
    StoreError,
    _settings,
    open_store,
)
from otel_session_agg import environment_variables as env
from otel_session_agg._guard import Guard
from otel_session_agg.stores import MemoryStore
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL
from tests.support.scripts import printed

DOORS = (SessionSpanProcessor, SessionSpanExporter)
PRICE = {"m": {"input": 1_000_000, "output": 2_000_000}}


@pytest.fixture
def others() -> Iterator[list[Any]]:
    """What has to be shut down at the end."""
    made: list[Any] = []
    yield made
    for one in made:
        one.shutdown()


class TestMappings:
    """Settings and prices as mappings, as a configuration file has them."""

    def test_processor(self) -> None:
        """The processor takes both, too."""
        sent = RecordingExporter()
        processor = SessionSpanProcessor(SimpleSpanProcessor(sent), settings={"max_output_chars": "5"}, prices=PRICE)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        tracer = provider.get_tracer("tests")
        with tracer.start_as_current_span("root"):
            tracer.start_span("chat", attributes={**CALL, "output.value": "Good morning"}).end()
        provider.shutdown()
        attributes = sent.roots[0].attributes or {}
        assert (20.0, "Good ") == (attributes["metadata.cost"], attributes["outputs"])

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"settings": {"linger": 1}}, "unknown setting 'linger'"),
            ({"settings": {"linger_seconds": -1}}, "linger_seconds=-1 is not allowed"),
            ({"prices": {"m": {"inputs": 1}}}, "price name: 'inputs' is not allowed"),
        ],
    )
    def test_wrong_names(self, door: Any, given: dict[str, Any], text: str) -> None:
        """A name or value in them that is not allowed is an error that says so."""
        with pytest.raises(SettingsError, match=text):
            door(RecordingExporter(), **given)

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"settings": "linger_seconds=2"}, r"^settings must be Settings\(\.\.\.\) or a mapping .*, not str$"),
            ({"settings": Settings}, r"^settings must be .*, not the class Settings$"),
            ({"prices": [("m", 1)]}, r"^prices must be a PriceBook\(\.\.\.\) or a mapping .*, not list$"),
            ({"prices": PriceBook}, r"^prices must be .*, not the class PriceBook$"),
            ({"store": 7}, r"^store must be a URL .*, not int$"),
            ({"store": MemoryStore}, r"^store must be a URL .*, not the class MemoryStore$"),
        ],
    )
    def test_wrong_types(self, door: Any, given: dict[str, Any], text: str) -> None:
        """What is neither is a wrong type."""
        with pytest.raises(TypeError, match=text):
            door(RecordingExporter(), **given)

    @pytest.mark.slow
    def test_nothing_is_started(self) -> None:
        """No thread is left behind by a processor that could not be made."""
        code = (
            "import threading\n"
            "from opentelemetry.sdk.trace.export import ConsoleSpanExporter\n"
            "from otel_session_agg import SessionSpanProcessor, StoreError\n"
            "try:\n"
            "    SessionSpanProcessor(ConsoleSpanExporter(), store='foo://')\n"
            "except StoreError:\n"
            "    print(threading.active_count())\n"
        )
        assert "1" == printed(code).strip()


class TestWrongDownstream:
    """What cannot stand behind a processor or an exporter."""

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            (ConsoleSpanExporter, r"not the class ConsoleSpanExporter: make one of it, ConsoleSpanExporter\(\.\.\.\)$"),
            (BatchSpanProcessor, r"not the class BatchSpanProcessor: make one"),
            ("console", "not str$"),
            (7, "not int$"),
            (TracerProvider(shutdown_on_exit=False), "not TracerProvider$"),
        ],
    )
    def test_processor(self, wrong: Any, text: str) -> None:
        """A class, and what is neither a processor nor an exporter, is refused."""
        with pytest.raises(TypeError, match=f"^downstream must be a SpanProcessor or a SpanExporter, {text}"):
            SessionSpanProcessor(wrong)

    def test_totals_twice(self, others: list[Any]) -> None:
        """What adds totals itself is refused behind the processor, also inside a processor of the SDK."""
        exporter = SessionSpanExporter(RecordingExporter(), settings=Settings())
        inner = SessionSpanProcessor(RecordingExporter(), settings=Settings())
        batch = BatchSpanProcessor(exporter)
        others += [inner, batch]
        for wrong, name in (
            (exporter, "SessionSpanExporter"),
            (inner, "SessionSpanProcessor"),
            (batch, "SessionSpanExporter"),
            (SimpleSpanProcessor(exporter), "SessionSpanExporter"),
        ):
            with pytest.raises(TypeError, match=f"leave {name} out, and give what is behind it$"):
                SessionSpanProcessor(wrong)

    def test_class_in_a_processor(self) -> None:
        """A class in the place of an exporter is found inside a processor, too."""
        simple = SimpleSpanProcessor(ConsoleSpanExporter)  # type: ignore[arg-type]  # what is tested
        with pytest.raises(TypeError, match="not the class ConsoleSpanExporter"):
            SessionSpanProcessor(simple)

    def test_exporter(self, others: list[Any]) -> None:
        """Behind the exporter processors are refused, and what adds totals itself."""
        batch = BatchSpanProcessor(RecordingExporter())
        inner = SessionSpanExporter(RecordingExporter(), settings=Settings())
        outer = SessionSpanProcessor(RecordingExporter(), settings=Settings())
        others += [batch, inner, outer]
        wrongs: list[tuple[Any, str]] = [
            (batch, "not the processor BatchSpanProcessor: give the exporter that is in it, or use SessionSpanProcessor"),
            (SimpleSpanProcessor(RecordingExporter()), "not the processor SimpleSpanProcessor"),
            (inner, "leave SessionSpanExporter out"),
            (outer, "leave SessionSpanProcessor out"),
            (ConsoleSpanExporter, "not the class ConsoleSpanExporter"),
            (7, "not int"),
        ]
        for wrong, text in wrongs:
            with pytest.raises(
                TypeError, match=f"^exporter must be a SpanExporter, a name, or one name with its arguments.*{text}"
            ):
                SessionSpanExporter(wrong)

    def test_others_of_a_kind(self, others: list[Any]) -> None:
        """Processors and exporters of an application's own are taken."""

        class Mine(SpanProcessor):
            pass

        class Own(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                del spans
                return SpanExportResult.SUCCESS

        others += [SessionSpanProcessor(Mine()), SessionSpanProcessor(Own()), SessionSpanExporter(Own())]
        assert 3 == len(others)


class TestAddsTotals:
    """What processor and exporter share."""

    @pytest.mark.parametrize("made", [SessionSpanProcessor, SessionSpanExporter])
    def test_attributes_are_read_as_of_any_object(self, made: type) -> None:
        """Nothing stands between, which each span would pay for."""
        own = {name for one in made.__mro__ for name in vars(one) if one is not object}
        assert set() == own & {"__getattr__", "__getattribute__"}

    def test_neither_has_the_methods_of_the_other(self, others: list[Any]) -> None:
        """Whoever asks is told so."""
        processor = SessionSpanProcessor(RecordingExporter(), settings=Settings())
        exporter = SessionSpanExporter(RecordingExporter(), settings=Settings())
        others += [processor, exporter]
        assert [False, True, True, True] == [hasattr(processor, name) for name in ("export", "on_start", "on_end", "_on_ending")]
        assert [True, False, False, False] == [hasattr(exporter, name) for name in ("export", "on_start", "on_end", "_on_ending")]


class TestMisused:
    """A processor where an exporter belongs, and the other way round; the SDK checks neither."""

    def test_processor_as_exporter(self, others: list[Any], caplog: pytest.LogCaptureFixture) -> None:
        """What the SDK logs says what to do."""
        wrong: Any = SessionSpanProcessor(RecordingExporter(), settings=Settings())
        others.append(wrong)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(wrong))
        with caplog.at_level(logging.ERROR):
            provider.get_tracer("tests").start_span("root").end()
        assert "SessionSpanProcessor is a processor; give it to add_span_processor as it is" in caplog.text

    def test_exporter_as_processor(self, others: list[Any]) -> None:
        """So does the error that the SDK lets out."""
        wrong: Any = SessionSpanExporter(RecordingExporter(), settings=Settings())
        others.append(wrong)
        with pytest.raises(AttributeError, match="SessionSpanExporter is an exporter; give it to a BatchSpanProcessor"):
            wrong.on_start(None, None)
        assert not hasattr(wrong, "on_end")
        with pytest.raises(AttributeError, match=r"^'SessionSpanExporter' object has no attribute 'colour'$"):
            _ = wrong.colour


class TestStore:
    """A store that cannot be opened as it was asked for."""

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("url", ["foo://", "sqlite://", "memory", "redis://host:port", "foo://me:secret@host"])
    def test_of_the_environment(
        self, door: Any, url: str, others: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged with its variable, sessions stay in this process, and the application goes on."""
        monkeypatch.setenv(env.OTEL_PYTHON_SESSION_AGG_STORE, url)
        made = door(RecordingExporter())
        others.append(made)
        assert not made._aggregator.is_shared
        (said,) = caplog.messages
        assert said.startswith(env.OTEL_PYTHON_SESSION_AGG_STORE)
        assert "secret" not in said

    def test_from_env(self, others: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """So it is when the application itself reads the environment."""
        monkeypatch.setenv(env.OTEL_PYTHON_SESSION_AGG_STORE, "foo://")
        others.append(SessionSpanProcessor(RecordingExporter(), settings=Settings.from_env()))
        assert not others[0]._aggregator.is_shared

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize(
        "given", [{"store": "foo://"}, {"settings": {"store": "foo://"}}, {"settings": Settings(store="foo://")}]
    )
    def test_of_an_argument(self, door: Any, given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """As an argument it is an error, whatever the environment says."""
        monkeypatch.setenv(env.OTEL_PYTHON_SESSION_AGG_STORE, "bar://")
        with pytest.raises(StoreError, match="no store is named 'foo://'"):
            door(RecordingExporter(), **given)

    def test_right_ones(self, others: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """A store by the environment, by a URL, or made before is used."""
        url = f"sqlite:///{tmp_path}/s.db"
        monkeypatch.setenv(env.OTEL_PYTHON_SESSION_AGG_STORE, url)
        others += [
            SessionSpanProcessor(RecordingExporter()),
            SessionSpanProcessor(RecordingExporter(), store=url),
            SessionSpanProcessor(RecordingExporter(), store=open_store(url)),
        ]
        assert [True, True, True] == [one._aggregator.is_shared for one in others]
        others.append(SessionSpanProcessor(RecordingExporter(), store="MEMORY://"))
        assert not others[-1]._aggregator.is_shared


class TestUnknownVariable:
    """A variable of this library's prefix that is none."""

    @pytest.fixture(autouse=True)
    def nothing_warned_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in a new process."""
        monkeypatch.setattr(_settings, "_warned", Guard(_settings._logger))

    def test_close(self, caplog: pytest.LogCaptureFixture) -> None:
        """It is warned of once, with the known one that is closest."""
        for _ in range(3):
            Settings.from_env({"OTEL_PYTHON_SESSION_AGG_LINGRE": "3"})
        assert [
            "OTEL_PYTHON_SESSION_AGG_LINGRE is no variable of this library: did you mean OTEL_PYTHON_SESSION_AGG_LINGER?"
        ] == caplog.messages

    @pytest.mark.parametrize(
        ("name", "close"),
        [
            ("LINGER_SECONDS", "LINGER"),
            ("SESSIONS_MAX", "SESSION_MAX"),
            ("PROFILE", "PROFILES"),
            ("STORE_URL", "STORE"),
            ("TRUSTBAGGAGE", "TRUST_BAGGAGE"),
        ],
    )
    def test_likely_ones(self, name: str, close: str) -> None:
        """What is likely to be typed finds what was meant."""
        prefix = "OTEL_PYTHON_SESSION_AGG_"
        assert {prefix + name: prefix + close} == _settings.unknown_variables({prefix + name: "", prefix + "STORE": "memory://"})

    def test_far(self, caplog: pytest.LogCaptureFixture) -> None:
        """One that is like no other is told of with all that are known."""
        Settings.from_env({"OTEL_PYTHON_SESSION_AGG_QQQ": "3", "OTEL_PYTHON_OTHER": "1"})
        (said,) = caplog.messages
        assert "known are OTEL_PYTHON_SESSION_AGG_LINGER, OTEL_PYTHON_SESSION_AGG_MAX_OPEN_ROOTS, " in said

    def test_many(self, caplog: pytest.LogCaptureFixture) -> None:
        """However many there are, only some are warned of, in linear time."""
        Settings.from_env({f"OTEL_PYTHON_SESSION_AGG_{number}{'X' * 10_000}": "" for number in range(1000)})
        assert _settings._MAX_UNKNOWN == len(caplog.messages)


class TestRepresentation:
    """Processor and exporter for people."""

    def test_processor(self, others: list[Any]) -> None:
        """What is behind it, and what it has at the moment; nothing of the exporter's own, which may hold keys."""
        processor = SessionSpanProcessor(SimpleSpanProcessor(RecordingExporter()), settings=Settings())
        others += [processor]
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        span = provider.get_tracer("tests").start_span("root")
        processor.force_flush()
        line = (
            "<SessionSpanProcessor before SimpleSpanProcessor(RecordingExporter), store memory://, open roots {}, sessions 0{}>"
        )
        assert line.format(1, "") == repr(processor)
        span.end()
        processor.shutdown()
        processor.on_end(span)  # type: ignore[arg-type]  # a span of the SDK
        assert line.format(0, ", lost 1 span, state shut down") == repr(processor)
        assert "<th" in processor._repr_html_()

    def test_live(self, others: list[Any]) -> None:
        """One without a downstream says so."""
        others.append(SessionSpanProcessor(settings=Settings(), store=MemoryStore()))
        assert "<SessionSpanProcessor before nothing: live, store MemoryStore, open roots 0, sessions 0>" == repr(others[0])

    def test_exporter(self, others: list[Any]) -> None:
        """The exporter says the same."""
        others.append(SessionSpanExporter("console", settings=Settings()))
        assert "<SessionSpanExporter before ConsoleSpanExporter, store memory://, open roots 0, sessions 0>" == repr(others[0])
