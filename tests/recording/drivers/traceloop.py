"""Traceloop's SDK: workflows and tasks around its instrumentations, with association properties; no options."""

from __future__ import annotations

import _calls
from _harness import URL, run, scenario, use, versions
from opentelemetry import trace
from traceloop.sdk import Instruments, Traceloop
from traceloop.sdk.decorators import task, workflow

versions("traceloop-sdk", "openai", "anthropic", "langchain")
instruments = {Instruments.OPENAI, Instruments.ANTHROPIC, Instruments.LANGCHAIN}
Traceloop.init(app_name="recording", api_endpoint=URL, disable_batch=True, telemetry_enabled=False, instruments=instruments)
use(trace.get_tracer_provider())


def decorated(call):
    """A call inside a task inside a workflow."""
    return workflow(name="answer")(task(name="ask")(call))


scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))(decorated(_calls.chat))
scenario("stream", ("plain", "cached"))(decorated(_calls.stream))
scenario("responses", ("cached", "reasoning"))(decorated(_calls.responses))
scenario("embeddings")(decorated(_calls.embed))
scenario("tools")(decorated(_calls.tools))
scenario("parallel")(decorated(_calls.parallel))
scenario("messages", ("cached", "split"))(decorated(_calls.claude))
scenario("messages_stream")(decorated(_calls.claude_stream))
scenario("chain")(decorated(_calls.chain))
scenario("graph", ("cached",))(decorated(_calls.graph))


@scenario("session")
@workflow(name="chat")
def session():
    Traceloop.set_association_properties({"session_id": _calls.SESSION, "user_id": "ada"})
    _calls.chat()
    _calls.tools()
    return _calls.SESSION


run()
