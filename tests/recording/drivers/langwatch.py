"""LangWatch: its traces, above distributions of instrumentations, which the options name."""

from __future__ import annotations

import _calls
import langwatch
from _harness import URL, options, run, scenario, use, versions
from _layers import lay
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

versions("langwatch", "openai")
provider = TracerProvider()
trace.set_tracer_provider(provider)
langwatch.setup(api_key="none", endpoint_url=URL, tracer_provider=provider)
lay(options(), use(provider))
_calls.openai_scenarios(langwatch.trace(name="answer"))


@scenario("session")
@langwatch.trace(name="chat")
def session():
    langwatch.get_current_trace().update(metadata={"thread_id": _calls.SESSION})
    _calls.chat()
    _calls.tools()
    return _calls.SESSION


run()
