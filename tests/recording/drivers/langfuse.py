"""Langfuse: its OpenAI wrapper, its LangChain handler, or its decorator around a plain client whose usage the program tells.

Options, in the order of installation: `wrapper` for the OpenAI wrapper, `langchain` for the handler, and distributions of others'
instrumentations.
"""

from __future__ import annotations

import os

import _calls
from _harness import GPT, URL, options, provider, run, scenario, versions
from _layers import lay

os.environ |= {"LANGFUSE_PUBLIC_KEY": "pk-none", "LANGFUSE_SECRET_KEY": "sk-none", "LANGFUSE_BASE_URL": URL, "LANGFUSE_HOST": URL}

from langfuse import Langfuse, get_client, observe, propagate_attributes

versions("langfuse", "langchain" if "langchain" in options() else "openai")
recorded = provider()
Langfuse(tracer_provider=recorded)
for option in options():
    if option == "wrapper":
        import langfuse.openai  # noqa: F401 - importing it wraps the client
    elif option != "langchain":
        lay([option], recorded)


@observe(as_type="generation")
def generation():
    """A call whose usage the program tells, in Langfuse's parts, which exclude each other."""
    usage = _calls.completion().usage
    cached, reasoning = usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens
    parts = {
        "input": usage.prompt_tokens - cached,
        "input_cached_tokens": cached,
        "output": usage.completion_tokens - reasoning,
        "output_reasoning_tokens": reasoning,
    }
    get_client().update_current_generation(model=GPT, usage_details=parts)


if "langchain" in options():
    from langfuse.langchain import CallbackHandler

    def handled(call):
        """A call of LangChain with Langfuse's handler."""
        return lambda: call({"callbacks": [CallbackHandler()]})

    turn = handled(_calls.chain)
    scenario("chain", ("plain", "cached", "reasoning", "failure", "error"))(turn)
    scenario("chain_stream")(handled(_calls.chain_stream))
    scenario("graph", ("plain", "cached_large"))(handled(_calls.graph))
elif "wrapper" in options():
    turn = _calls.chat
    scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))(observe(name="chat")(_calls.chat))
    scenario("stream", ("plain", "cached"))(observe(name="stream")(_calls.stream))
    scenario("responses", ("cached", "reasoning"))(observe(name="responses")(_calls.responses))
    scenario("responses_stream")(_calls.responses_stream)
    scenario("embeddings")(_calls.embed)
    scenario("tools")(observe(name="tools")(_calls.tools))
    scenario("parallel")(_calls.parallel)
else:
    turn = generation
    scenario("generation", ("plain", "cached", "cached_large", "reasoning", "failure", "error"))(generation)


@scenario("conversation", ("cached",))
@observe()
def conversation():
    turn()
    turn()


@scenario("session")
def session():
    with propagate_attributes(session_id=_calls.SESSION):
        conversation()
    return _calls.SESSION


run()
