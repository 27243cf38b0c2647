"""OpenLIT: its instrumentations, of all libraries that are there.

Options: what is asked (openai, langchain).
"""

from __future__ import annotations

import _calls
import openlit
from _harness import options, provider, run, scenario, versions

versions("openlit", *options())
provider()
openlit.init(disable_metrics=True, disable_events=True)

if "openai" in options():
    _calls.openai_scenarios()

if "langchain" in options():
    scenario("chain", ("plain", "cached", "reasoning", "failure", "error"))(_calls.chain)
    scenario("chain_stream", ("plain", "cut"))(_calls.chain_stream)
    scenario("graph", ("plain", "cached_large"))(_calls.graph)
    scenario("chain_batch")(_calls.chain_batch)  # OpenLIT leaves the spans of asynchronous calls open

run()
