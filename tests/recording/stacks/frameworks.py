"""Frameworks that call models of many providers: LangChain, LiteLLM, LlamaIndex."""

from __future__ import annotations

from tests.support.replay import TOKENS

from ._layered import layered
from ._stack import Stack

_LANGCHAIN = ("langchain==1.4.7", "langchain-core==1.7.2", "langgraph==1.2.22", "langchain-openai==1.7.3", "openai==3.54.0")
_LANGCHAIN_ALL = (*_LANGCHAIN, "langchain-anthropic==1.7.7", "anthropic==2.12.0", "langchain-aws==1.9.1", "boto3==1.44.5")
_ALL = ("openai", "anthropic", "bedrock")
_OPENAI = ("openai",)
_CLAUDE = ("anthropic", "bedrock")

_NO_REASONING = {"openai_chain/reasoning*": ("reasoning_tokens",)}
_NO_REASONING_AT_ALL = {**_NO_REASONING, "openai_responses/*": ("reasoning_tokens",)}
_NO_HOURS = {"bedrock_converse/split*": ("cost",)}
_NO_WRITES = {"bedrock_converse/split*": ("cache_write_tokens", "cost")}
_WHY_REASONING = (
    "OpenLLMetry's spans of LangChain's model calls have no reasoning tokens, only what they keep of the next step's input has"
)
_WHY_HOURS = "how many of the tokens that were written to the cache stay for an hour is on no span"
_WHY_WRITES = "where LangChain splits what was written to the cache by its time to live, OpenLLMetry says that nothing was"
_LOST_TWICE = {"anthropic_stream/cut-rootless": ("num_model_events", "num_unpriced_events")}
_WHY_LOST = "No figures are stated of a stream that is lost, which could show that another trace has the same call"

_LANGCHAIN_STACKS = (
    layered(
        "langchain.openinference",
        _LANGCHAIN_ALL,
        _ALL,
        unstated=_LOST_TWICE,
        why=_WHY_LOST,
    ),
    layered(
        "langchain.openllmetry",
        _LANGCHAIN_ALL,
        _ALL,
        unstated={**_NO_REASONING_AT_ALL, **_NO_WRITES, **_LOST_TWICE},
        why=f"{_WHY_REASONING}; {_WHY_WRITES}; {_WHY_LOST}",
    ),
    layered("langchain.contrib-genai", _LANGCHAIN_ALL, _ALL, unstated=_NO_HOURS, why=_WHY_HOURS),
    layered(
        "langchain.langsmith",
        (*_LANGCHAIN_ALL, "langsmith[otel]==0.15.0"),
        _ALL,
        itself=("langsmith",),
        unstated=_LOST_TWICE,
        why=_WHY_LOST,
    ),
    layered("langchain.openinference+openllmetry", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+openai-contrib", _LANGCHAIN, _OPENAI),
    layered("langchain.openai-contrib+openinference", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+openai-contrib-genai", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+openai-openinference", _LANGCHAIN, _OPENAI),
    layered("langchain.openai-openinference+openinference", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+openai-openllmetry", _LANGCHAIN, _OPENAI),
    layered("langchain.openai-openllmetry+openinference", _LANGCHAIN, _OPENAI),
    layered("langchain.openllmetry+openai-contrib", _LANGCHAIN, _OPENAI, unstated=_NO_REASONING_AT_ALL, why=_WHY_REASONING),
    layered("langchain.openai-contrib+openllmetry", _LANGCHAIN, _OPENAI, unstated=_NO_REASONING_AT_ALL, why=_WHY_REASONING),
    layered("langchain.openllmetry+openai-openllmetry", _LANGCHAIN, _OPENAI, unstated=_NO_REASONING, why=_WHY_REASONING),
    layered("langchain.openai-openllmetry+openllmetry", _LANGCHAIN, _OPENAI, unstated=_NO_REASONING, why=_WHY_REASONING),
    layered("langchain.openllmetry+openai-openinference", _LANGCHAIN, _OPENAI),
    layered("langchain.openai-openinference+openllmetry", _LANGCHAIN, _OPENAI),
    layered("langchain.contrib-genai+openai-contrib-genai", _LANGCHAIN, _OPENAI),
    layered("langchain.openai-contrib-genai+contrib-genai", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+openllmetry+openai-contrib-genai", _LANGCHAIN, _OPENAI),
    layered("langchain.openinference+anthropic-openinference+bedrock-openinference", _LANGCHAIN_ALL, _CLAUDE),
    layered(
        "langchain.anthropic-openllmetry+bedrock-openllmetry+openllmetry",
        _LANGCHAIN_ALL,
        _CLAUDE,
        unstated=_NO_WRITES,
        why=_WHY_WRITES,
    ),
)

_MIRASCOPE = (
    Stack(
        "mirascope.native",
        "mirascope",
        ("mirascope[openai,anthropic,google,ops]==2.8.2", "openai==2.54.0", "anthropic==0.125.0", "google-genai==1.75.0"),
        unstated={"anthropic/reasoning*": ("reasoning_tokens",)},
        why="of Anthropic's answers, Mirascope says that no tokens are reasoning",
    ),
)

_LITELLM = ("litellm==1.106.2", "openai==2.54.0", "boto3==1.44.5", "mcp==2.3.0")
_LITELLM_OTEL = (*_LITELLM, "opentelemetry-exporter-otlp==1.45.2")
_OTEL = ("otel", "otel-v2")
_SEVERAL_CALLS = ("openai_two_calls/plain", "openai_parallel/plain", "openai_tool/cached", "openai_embedding/plain")
_OVERWRITTEN = dict.fromkeys(_SEVERAL_CALLS, (*TOKENS, "num_model_events", "cost"))
_WHY_OVERWRITTEN = "the callback writes onto the application's span, where each call takes the place of the one before"
_LITELLM_OPENLLMETRY = {
    "*/reasoning*": ("reasoning_tokens",),
    **dict.fromkeys(("anthropic*/cached*", "anthropic*/split*", "bedrock/*"), ("cache_write_tokens", "cost")),
}
_WHY_LITELLM_OPENLLMETRY = "OpenLLMetry does not write reasoning tokens, nor what was written to a cache"

_LITELLM_STACKS = (
    layered("litellm.otel", _LITELLM_OTEL, itself=_OTEL, unstated=_OVERWRITTEN, why=_WHY_OVERWRITTEN),
    layered(
        "litellm.otel-v2",
        _LITELLM_OTEL,
        itself=_OTEL,
        unstated={"*reasoning*": ("reasoning_tokens",)},
        why="the callback does not write reasoning tokens",
    ),
    layered("litellm.openinference", _LITELLM),
    layered("litellm.openllmetry", _LITELLM, unstated=_LITELLM_OPENLLMETRY, why=_WHY_LITELLM_OPENLLMETRY),
    layered("litellm.otel+openinference", _LITELLM_OTEL, itself=_OTEL),
    layered("litellm.otel+openai-openinference", _LITELLM_OTEL, itself=_OTEL),
    layered(
        "litellm.openai-contrib+otel",
        _LITELLM_OTEL,
        itself=_OTEL,
        unstated={
            "openai_tool/cached": ("cache_read_tokens", "cost"),
            "openai_embedding/plain": ("prompt_tokens", "total_tokens", "cost"),
        },
        why=f"{_WHY_OVERWRITTEN}; openai-v2 tells of the calls, but neither of cached tokens nor of LiteLLM's embeddings",
    ),
    layered(
        "litellm.otel-v2+openai-openinference",
        _LITELLM_OTEL,
        itself=_OTEL,
        unstated=dict.fromkeys(("openai_responses/*", "anthropic/reasoning*"), ("reasoning_tokens",)),
        why="the callback does not write reasoning tokens, and LiteLLM makes these calls without OpenAI's client",
    ),
    layered("litellm.openinference+openai-openinference", _LITELLM),
    layered("litellm.openai-openinference+openinference", _LITELLM),
    layered("litellm.otel+openinference+openai-openinference", _LITELLM_OTEL, itself=_OTEL),
    layered("litellm.openinference+openai-contrib", _LITELLM),
    layered("litellm.openai-contrib+openinference", _LITELLM),
    layered("litellm.openllmetry+openai-openllmetry", _LITELLM, unstated=_LITELLM_OPENLLMETRY, why=_WHY_LITELLM_OPENLLMETRY),
    layered("litellm.openai-openllmetry+openllmetry", _LITELLM, unstated=_LITELLM_OPENLLMETRY, why=_WHY_LITELLM_OPENLLMETRY),
)

_LLAMA_INDEX = (
    "llama-index-core==0.14.25",
    "llama-index-llms-openai==0.8.3",
    "llama-index-embeddings-openai==0.7.0",
    "openai==2.54.0",
)
_LLAMA_INDEX_ANTHROPIC = ("llama-index-core==0.14.25", "llama-index-llms-anthropic==0.12.3", "anthropic==0.125.0")
_LLAMA_INDEX_ALL = (*_LLAMA_INDEX, *_LLAMA_INDEX_ANTHROPIC[1:])

_NO_EMBEDDINGS = {"openai_query/*": ("prompt_tokens", "total_tokens", "cost")}
_WHY_NO_EMBEDDINGS = "the spans of embeddings have no tokens"
_NO_RESPONSES = {"openai_responses/*": ("cache_read_tokens", "reasoning_tokens", "cost")}
_WHY_NO_RESPONSES = "OpenInference writes neither cached nor reasoning tokens of the responses API"
_LLAMA_INDEX_STACKS = (
    layered(
        "llama-index.openinference",
        _LLAMA_INDEX_ALL,
        ("openai", "anthropic"),
        unstated={**_NO_EMBEDDINGS, **_NO_RESPONSES, "anthropic_chat/split*": ("cost",)},
        why=f"{_WHY_NO_EMBEDDINGS}; {_WHY_NO_RESPONSES}; {_WHY_HOURS}",
    ),
    layered(
        "llama-index.openllmetry",
        _LLAMA_INDEX_ANTHROPIC,
        ("anthropic",),
        unstated={"anthropic_stream/*": ("cost",)},
        why="OpenLLMetry does not name the model of a stream; it leaves OpenAI's models to its instrumentation of openai",
    ),
    layered(
        "llama-index.native",
        (*_LLAMA_INDEX, "llama-index-observability-otel==0.7.0"),
        _OPENAI,
        itself=("native",),
        unstated={**_NO_EMBEDDINGS, "openai_stream/*": (*TOKENS, "cost")},
        why=f"{_WHY_NO_EMBEDDINGS}; streams have no event of their end, which is where the tokens are",
    ),
    layered("llama-index.openinference+openai-openinference", _LLAMA_INDEX, _OPENAI),
    layered("llama-index.openai-openinference+openinference", _LLAMA_INDEX, _OPENAI),
    layered("llama-index.openinference+openai-contrib", _LLAMA_INDEX, _OPENAI, unstated=_NO_RESPONSES, why=_WHY_NO_RESPONSES),
    layered(
        "llama-index.openllmetry+openai-openllmetry",
        _LLAMA_INDEX,
        _OPENAI,
        unstated=_NO_EMBEDDINGS,
        why=_WHY_NO_EMBEDDINGS,
    ),
    layered(
        "llama-index.openai-openllmetry+openllmetry",
        _LLAMA_INDEX,
        _OPENAI,
        unstated=_NO_EMBEDDINGS,
        why=_WHY_NO_EMBEDDINGS,
    ),
    layered("llama-index.contrib-genai+openai-contrib-genai", _LLAMA_INDEX, _OPENAI),
)

STACKS: tuple[Stack, ...] = (*_LANGCHAIN_STACKS, *_MIRASCOPE, *_LITELLM_STACKS, *_LLAMA_INDEX_STACKS)
