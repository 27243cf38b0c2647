"""What a span came to: whether a call that failed may have been answered, and so billed."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.span import read
from otel_session_agg._spans.without_content import without_content
from tests.support.offline import stored_span
from tests.support.replay import replay

_CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}


def failed(attributes: dict[str, Any], **exception: str) -> SpanData:
    """A call that failed."""
    raised = {f"exception.{key}": value for key, value in exception.items()}
    events = (SpanEvent("exception", raised, 0),) if raised else ()
    return stored_span(1, attributes={**_CALL, **attributes}, scope_name="app")._replace(failed=True, events=events)


LOST = [
    failed({"error.type": "OpenAIConnectionError"}),
    failed({"error.type": "httpx.RemoteProtocolError"}),
    failed({}, type="urllib3.exceptions.ProtocolError", message="Response ended prematurely"),
    failed({}, type="Exception", message="ProtocolError('Response ended prematurely')Traceback"),
    failed({}, type="Exception", message="GeneratorExit()"),
    failed({}, type="agno.exceptions.ModelProviderError", message="Connection error."),
    failed({})._replace(status_description="Error streaming response: {'error': 'Connection error.'}"),
]
REFUSED = [
    failed({}),
    failed({"error.type": "RateLimitError"}),
    failed({"error.type": "429"}, type="openai.BadRequestError", message="the ProtocolError(s)"),
    failed({}, type="Exception", message="BadRequestError('ProtocolError()')"),
    failed({}, type="Exception"),
]


class TestLost:
    """The connection was lost after the request was sent."""

    @pytest.mark.parametrize("span", LOST)
    def test_lost(self, span: SpanData) -> None:
        """The call may be billed; it is seen also where texts of errors are left out."""
        assert read(span).shows_answer
        assert read(without_content(span)).shows_answer

    @pytest.mark.parametrize("span", REFUSED)
    def test_refused(self, span: SpanData) -> None:
        """What a server refuses costs nothing."""
        assert not read(span).shows_answer
        assert not read(without_content(span)).shows_answer

    def test_part(self) -> None:
        """Of a stream that was lost, what is stated of the output is a part; the application that stops reading has got all it wanted."""
        counts = {"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 4, "litellm.cost.total": 0.1}
        lost, given_up = (read(failed({**counts, "error.type": name})) for name in ("ReadError", "GeneratorExit"))
        assert (8, None, None, None) == (*(lost.usage or ())[:3], lost.recorded_pusd)
        assert (8, 4, 12, 10**11) == (*(given_up.usage or ())[:3], given_up.recorded_pusd)

    @pytest.mark.parametrize(("error", "unpriced"), [("APITimeoutError", 1), ("AuthenticationError", 0)])
    def test_cost(self, error: str, unpriced: int) -> None:
        """A lost call without tokens has an unknown cost instead of none."""
        span = {
            "name": "chat",
            "id": "1",
            "parent": None,
            "attributes": {**_CALL, "error.type": error},
            "status": {"code": "ERROR"},
        }
        assert unpriced == (replay({"id": "lost", "spans": [span]}).attributes or {}).get("metadata.num_unpriced_events", 0)
