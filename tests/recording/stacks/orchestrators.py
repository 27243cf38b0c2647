"""Frameworks that programs are built in: DSPy, Haystack, Instructor, Semantic Kernel, AutoGen, Agent Framework."""

from __future__ import annotations

from tests.support.replay import TOKENS

from ._layered import layered
from ._stack import Stack

_DSPY = ("dspy==3.4.1", "litellm==1.106.2", "openai==2.54.0", "mcp==2.3.0", "numpy==2.4.6")
_FROM_CACHE = {"from_cache/*": ("num_model_events",)}
_WHY_FROM_CACHE = "an answer from DSPy's own cache has the same span as a call"
_DSPY_CONTRIB = {
    "anthropic/*": ("cache_write_tokens", "cost"),
    "embedding/*": ("prompt_tokens", "total_tokens", "cost"),
    "responses/*": ("cache_read_tokens", "reasoning_tokens", "cost"),
    **_FROM_CACHE,
}
_WHY_DSPY_CONTRIB = (
    "the instrumentations write neither what was written to a cache, nor cached and reasoning tokens of the responses API, nor "
    f"embeddings; {_WHY_FROM_CACHE}"
)
_DSPY_STACKS = (
    layered(
        "dspy.openinference",
        _DSPY,
        unstated={"*": (*TOKENS, "num_model_events", "cost")},
        why="OpenInference writes no tokens for DSPy 3.4, which does not hand them to what it wraps",
    ),
    layered("dspy.contrib-genai", _DSPY, unstated=_DSPY_CONTRIB, why=_WHY_DSPY_CONTRIB),
    layered("dspy.contrib-genai+openai-contrib-genai", _DSPY, unstated=_DSPY_CONTRIB, why=_WHY_DSPY_CONTRIB),
    layered("dspy.openinference+litellm-openinference", _DSPY, unstated=_FROM_CACHE, why=_WHY_FROM_CACHE),
    layered(
        "dspy.openinference+litellm-openinference+openai-openinference",
        _DSPY,
        unstated=_FROM_CACHE,
        why=_WHY_FROM_CACHE,
    ),
    layered("dspy.litellm-openinference+openinference", _DSPY, unstated=_FROM_CACHE, why=_WHY_FROM_CACHE),
    layered(
        "dspy.openinference+openai-openinference",
        _DSPY,
        unstated={**dict.fromkeys(("responses/*", "anthropic/*"), (*TOKENS, "cost")), **_FROM_CACHE},
        why=f"LiteLLM makes calls of the responses API and of Anthropic's without a client; {_WHY_FROM_CACHE}",
    ),
)

_HAYSTACK = ("haystack-ai==3.4.0", "openai==3.54.0", "anthropic-haystack==8.0.1", "anthropic==2.12.0")
_HAYSTACK_2 = ("haystack-ai==2.31.0", "openai==3.54.0", "anthropic-haystack==5.17.0", "anthropic==0.125.0")
_HAYSTACK_OTEL = (*_HAYSTACK, "opentelemetry-haystack==2.0.0")
_NATIVE = ("native",)
_HAYSTACK_OPENLLMETRY = {"*": (*TOKENS, "cost")}
_WHY_HAYSTACK_OPENLLMETRY = (
    "OpenLLMetry writes no tokens for calls, only the text of what a whole pipeline put out has those of its last step; it knows "
    "OpenAI's components only, and not those of Haystack 3"
)
_HAYSTACK_STACKS = (
    layered("haystack.native", _HAYSTACK_OTEL, itself=_NATIVE),
    layered("haystack.openinference", _HAYSTACK),
    layered("haystack.native+openai-openinference", _HAYSTACK_OTEL, itself=_NATIVE),
    layered("haystack.openai-contrib-genai+native", _HAYSTACK_OTEL, itself=_NATIVE),
    layered("haystack.openinference+openai-openinference", _HAYSTACK),
    layered("haystack2.native", _HAYSTACK_2, driver="haystack", itself=_NATIVE),
    layered("haystack2.openinference", _HAYSTACK_2, driver="haystack"),
    layered(
        "haystack2.openllmetry", _HAYSTACK_2, driver="haystack", unstated=_HAYSTACK_OPENLLMETRY, why=_WHY_HAYSTACK_OPENLLMETRY
    ),
    layered(
        "haystack2.openllmetry+openai-openllmetry",
        _HAYSTACK_2,
        driver="haystack",
        unstated={"anthropic*": (*TOKENS, "cost")},
        why=_WHY_HAYSTACK_OPENLLMETRY,
    ),
)

_INSTRUCTOR = ("instructor==1.17.0", "openai==3.3.0", "anthropic==2.12.0")
_INSTRUCTOR_STACKS = (
    layered(
        "instructor.openinference",
        _INSTRUCTOR,
        unstated=dict.fromkeys(
            ("create/*", "with_completion/*", "partial/*", "parallel/*", "session/*"), (*TOKENS, "num_model_events", "cost")
        ),
        why="OpenInference writes a chain without tokens; Anthropic's client tells of its calls itself",
    ),
    layered("instructor.openinference+openai-openinference", _INSTRUCTOR),
    layered("instructor.openai-openinference+openinference", _INSTRUCTOR),
    layered("instructor.openinference+openai-contrib-genai", _INSTRUCTOR),
)

_SEMANTIC_KERNEL = ("semantic-kernel==1.45.0", "openai==3.54.0")
_SEMANTIC_KERNEL_ALL = (*_SEMANTIC_KERNEL, "anthropic==0.125.0", "boto3==1.42.97")
_KERNEL_NO_PARTS = {
    "openai*/cached*": ("cache_read_tokens", "cost"),
    "openai/reasoning*": ("cache_read_tokens", "reasoning_tokens", "cost"),
}
_SEMANTIC_KERNEL_STACKS = (
    layered(
        "semantic-kernel.native",
        _SEMANTIC_KERNEL_ALL,
        ("anthropic", "bedrock"),
        itself=_NATIVE,
        unstated={
            **_KERNEL_NO_PARTS,
            "openai_embedding/*": ("prompt_tokens", "total_tokens", "cost"),
            "anthropic*": (*TOKENS, "cost"),
            "bedrock*/cached*": ("prompt_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "cost"),
        },
        why="the kernel writes neither cached tokens (without which Bedrock's prompts are not whole) nor reasoning, "
        "nothing of embeddings, and no tokens of Anthropic's",
    ),
    layered(
        "semantic-kernel.native+openai-contrib",
        _SEMANTIC_KERNEL,
        itself=_NATIVE,
        unstated=_KERNEL_NO_PARTS,
        why="neither writes cached or reasoning tokens",
    ),
    layered("semantic-kernel.native+openai-contrib-genai", _SEMANTIC_KERNEL, itself=_NATIVE),
    layered("semantic-kernel.native+openai-openinference", _SEMANTIC_KERNEL, itself=_NATIVE),
)

_AUTOGEN = ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5", "openai==2.54.0")
_AUTOGEN_NO_PARTS = {
    "*/cached*": ("cache_read_tokens", "cost"),
    "client/reasoning*": ("cache_read_tokens", "reasoning_tokens", "cost"),
}
_AUTOGEN_STACKS = (
    layered(
        "autogen.native+openai-contrib",
        _AUTOGEN,
        itself=_NATIVE,
        unstated=_AUTOGEN_NO_PARTS,
        why="openai-v2 writes neither cached nor reasoning tokens; AutoGen itself writes no tokens",
    ),
    layered("autogen.native+openai-openinference", _AUTOGEN, itself=_NATIVE),
    layered(
        "autogen.openinference",
        _AUTOGEN,
        unstated=_AUTOGEN_NO_PARTS,
        why="AutoGen hands on neither cached nor reasoning tokens",
    ),
    layered("autogen.openinference+openai-openinference", _AUTOGEN),
)

_AGENT_FRAMEWORK = (
    "agent-framework-core==1.23.0",
    "agent-framework-openai==1.17.0",
    "agent-framework-anthropic==1.0.0b261022",
    "openai==3.54.0",
    "anthropic==1.17.0",
)
_AGENT_FRAMEWORK_STACKS = (
    layered("agent-framework.native", _AGENT_FRAMEWORK, itself=_NATIVE),
    layered("agent-framework.native+openai-openinference", _AGENT_FRAMEWORK, itself=_NATIVE),
    layered("agent-framework.native+openai-contrib-genai", _AGENT_FRAMEWORK, itself=_NATIVE),
)

STACKS: tuple[Stack, ...] = (
    *_DSPY_STACKS,
    *_HAYSTACK_STACKS,
    *_INSTRUCTOR_STACKS,
    *_SEMANTIC_KERNEL_STACKS,
    *_AUTOGEN_STACKS,
    *_AGENT_FRAMEWORK_STACKS,
)
