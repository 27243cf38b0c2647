"""HoneyHive: its decorator, above distributions of instrumentations, which the options name."""

from __future__ import annotations

import os

import _calls
from _harness import URL, options, run, scenario, use, versions
from _layers import lay

os.environ |= {"HH_API_URL": URL, "HH_TEST_MODE": "true"}

from honeyhive import HoneyHiveTracer, trace

versions("honeyhive", "openai")
tracer = HoneyHiveTracer.init(api_key="none", project="recording", test_mode=True, server_url=URL)
lay(options(), use(tracer.provider))
_calls.openai_scenarios(trace(event_type="chain"))


@scenario("session")
@trace(event_type="chain")
def session():
    _calls.chat()
    _calls.tools()
    return tracer.session_id


run()
