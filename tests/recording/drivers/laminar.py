"""Laminar: what its SDK turns on for OpenAI, below its decorator; no options."""

from __future__ import annotations

import _calls
from _harness import URL, run, scenario, use, versions
from lmnr import Laminar, observe
from opentelemetry import trace

versions("lmnr", "openai")
port = int(URL.rsplit(":", 1)[1])
Laminar.initialize(project_api_key="none", base_url=URL.rsplit(":", 1)[0], http_port=port, grpc_port=1, force_http=True)
use(trace.get_tracer_provider())
_calls.openai_scenarios(observe())


@scenario("session")
@observe(session_id=_calls.SESSION)
def session():
    _calls.chat()
    _calls.tools()
    return _calls.SESSION


run()
