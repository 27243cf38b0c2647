"""AgentOps: what its SDK turns on for OpenAI, below its decorators; no options."""

from __future__ import annotations

import _calls
import agentops
from _harness import URL, run, use, versions
from agentops.sdk.decorators import operation
from opentelemetry import trace

versions("agentops", "openai")
agentops.init(
    api_key="00000000-0000-0000-0000-000000000000",
    auto_start_session=False,
    endpoint=URL,
    exporter_endpoint=f"{URL}/v1/traces",
    fail_safe=True,
)
use(trace.get_tracer_provider())
_calls.openai_scenarios(operation)
run()
