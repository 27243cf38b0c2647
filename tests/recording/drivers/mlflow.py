"""MLflow's tracing: its autologging of OpenAI and LangChain, in the global tracer provider and on its way to an OTLP endpoint.

Options: what is logged (openai, langchain).
"""

from __future__ import annotations

import _calls
import mlflow
from _harness import options, provider, run, scenario, versions
from _vendors import autolog_by_mlflow

versions("mlflow-skinny", *options())
provider()
for option in options():
    autolog_by_mlflow(option)

if "openai" in options():
    turn = _calls.chat
    scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))(_calls.chat)
    scenario("stream", ("plain", "cached"))(_calls.stream)
    scenario("responses", ("cached", "reasoning"))(_calls.responses)
    scenario("embeddings")(_calls.embed)
    scenario("tools")(_calls.tools)
    scenario("parallel")(_calls.parallel)

if "langchain" in options():
    turn = _calls.chain
    scenario("chain", ("plain", "cached", "reasoning", "failure", "error"))(_calls.chain)
    scenario("chain_stream")(_calls.chain_stream)
    scenario("graph", ("plain", "cached_large"))(_calls.graph)
    scenario("chain_parallel")(_calls.chain_parallel)


@scenario("session")
def session():
    with mlflow.tracing.context(session_id=_calls.SESSION), mlflow.start_span("conversation"):
        turn()
        turn()
    return _calls.SESSION


run()
