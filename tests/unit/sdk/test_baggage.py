"""Session ids that arrive where nobody trusts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, session
from otel_session_agg._api.context import BAGGAGE_KEYS
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import App

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
UNSAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}


@contextmanager
def arrived(headers: dict[str, str]) -> Iterator[None]:
    """A request with these headers."""
    token = attach(propagate.extract(headers))
    try:
        yield
    finally:
        detach(token)


def sent() -> dict[str, str]:
    """The headers that go to a callee."""
    payload: dict[str, str] = {}
    propagate.inject(payload)
    return payload


def entered(entry: App, headers: dict[str, str], kind: SpanKind) -> dict[str, str]:
    """The headers of a call that a service makes when it is called with some."""
    with arrived(headers), entry.tracer.start_as_current_span("request", kind=kind):  # noqa: SIM117 -- one inside the other
        with entry.tracer.start_as_current_span("call", kind=SpanKind.CLIENT):
            return sent()


def called(callee: App, headers: dict[str, str]) -> Any:
    """The session that a callee is in."""
    with arrived(headers):
        callee.trace()
    callee.flush()
    found = callee.exporter.spans[-1].attributes or {}
    return found.get("session.id")


@pytest.fixture(params=["processor", "both kinds"])
def entry(request: pytest.FixtureRequest, make: Callable[..., App]) -> App:
    """A service that does not trust, alone in its process or beside one that does."""
    one = make()
    if request.param == "both kinds":
        make(trust_baggage=True)
    return one


@pytest.mark.parametrize("key", BAGGAGE_KEYS)
@pytest.mark.parametrize("trace", [TRACE, {}], ids=["in a trace", "alone"])
class TestTwoServices:
    """An entry that does not trust, and behind it a service that does."""

    def test_outside(self, key: str, trace: dict[str, str], entry: App, make: Callable[..., App]) -> None:
        """A stranger's id ends at the entry; what else is in baggage goes on."""
        for kind in (SpanKind.SERVER, SpanKind.INTERNAL):
            headers = entered(entry, {**trace, "baggage": f"{key}=victim,tenant=t"}, kind)
            assert "tenant=t" == headers["baggage"]
            assert called(make(trust_baggage=True), headers) is None

    @pytest.mark.parametrize("propagates", [True, False])
    def test_inside(self, key: str, trace: dict[str, str], propagates: bool, entry: App, make: Callable[..., App]) -> None:  # noqa: FBT001
        """So it does inside a block; the id of the block goes on when it is to travel."""
        mine = session("mine", propagate=propagates)
        with arrived({**trace, "baggage": f"{key}=victim"}), mine, entry.tracer.start_as_current_span("request"):
            headers = sent()
        assert ("session.id=mine" if propagates else None) == headers.get("baggage")
        assert ("mine" if propagates else None) == called(make(trust_baggage=True), headers)

    def test_after_the_block(self, key: str, trace: dict[str, str], entry: App) -> None:
        """Nor does it come back behind one."""
        with arrived({**trace, "baggage": f"{key}=victim"}), entry.tracer.start_as_current_span("request"):
            with session("mine", propagate=True):
                assert "session.id=mine" == sent()["baggage"]
            assert "baggage" not in sent()


class TestOtherWays:
    """Ways in and out that are rarer."""

    @pytest.mark.parametrize("key", BAGGAGE_KEYS)
    def test_unsampled(self, key: str, entry: App) -> None:
        """A trace that is not sampled, of which no processor hears, is no way through."""
        provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        provider.add_span_processor(entry.processor)
        with arrived({**UNSAMPLED, "baggage": f"{key}=victim"}), provider.get_tracer("t").start_as_current_span("request"):
            assert "baggage" not in sent()

    def test_given_context(self, entry: App) -> None:
        """Nor is a context that is handed on by hand, and a propagator of one's own."""
        found = W3CBaggagePropagator().extract({"baggage": "session.id=victim"})
        payload: dict[str, str] = {}
        with entry.tracer.start_as_current_span("request", context=found):
            W3CBaggagePropagator().inject(payload, found)
        assert {} == payload

    def test_own_stays(self, entry: App) -> None:
        """What the application put into its baggage itself stays, also where something else arrived."""
        token = attach(baggage.set_baggage("session_id", "own"))
        with entry.tracer.start_as_current_span("request"):
            assert "session_id=own" == sent()["baggage"]
            found = W3CBaggagePropagator().extract({"baggage": "session_id=victim"})
            payload: dict[str, str] = {}
            W3CBaggagePropagator().inject(payload, found)
            assert {"baggage": "session_id=own"} == payload
        detach(token)

    def test_exporter(self) -> None:
        """An exporter that does not trust is no way through either; nobody of ours, and one that was shut down, change nothing."""
        headers = {"baggage": "session.id=theirs"}
        exporter = SessionSpanExporter(RecordingExporter())
        with arrived(headers):
            assert "baggage" not in sent()
        exporter.shutdown()
        with arrived(headers):
            assert "session.id=theirs" == sent()["baggage"]

    def test_trusting(self, make: Callable[..., App]) -> None:
        """A service that trusts hands on what it trusts, also beside one that does not."""
        app = make(trust_baggage=True)
        for _ in range(2):
            with arrived({"baggage": "session.id=theirs"}), app.tracer.start_as_current_span("request"):
                assert "session.id=theirs" == sent()["baggage"]
            SessionSpanProcessor(RecordingExporter()).shutdown()
            make()
