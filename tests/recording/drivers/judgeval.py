"""Judgment's SDK: its wrappers of clients, below its decorator; no options."""

from __future__ import annotations

import _calls
import anthropic
import openai
from _harness import run, scenario, use, versions
from judgeval import Tracer
from opentelemetry import trace

versions("judgeval", "openai", "anthropic")
tracer = Tracer.init(project_name="tests")
use(tracer._tracer_provider)
trace.set_tracer_provider(tracer._tracer_provider)


def wrapped(client):
    """A class of clients whose calls are traced."""

    class Wrapped(client):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            Tracer.wrap(self)

    return Wrapped


for module, names in ((openai, ("OpenAI", "AsyncOpenAI")), (anthropic, ("Anthropic", "AsyncAnthropic"))):
    for name in names:
        setattr(module, name, wrapped(getattr(module, name)))

_calls.openai_scenarios(Tracer.observe(span_type="function"))


@scenario("claude", ("cached", "split"))
def claude():
    _calls.claude()


@scenario("claude_create_stream", ("cached",))
def claude_create_stream():
    for _ in anthropic.Anthropic().messages.create(model=_calls.CLAUDE, max_tokens=64, messages=_calls.PROMPT, stream=True):
        pass


@scenario("claude_stream", ("cached",))
def claude_stream():
    _calls.claude_stream()


@scenario("session")
@Tracer.observe(span_type="agent")
def session():
    Tracer.set_session_id(_calls.SESSION)
    _calls.chat()
    _calls.chat()
    return _calls.SESSION


run()
