"""Agent frameworks with what projects for instrumentation offer for them.

Contrib's genai packages for agent frameworks write spans of agents and tools only, without any usage, so they are recorded together
with instrumentations of the client below.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._layered import layered
from ._stack import Stack

_CONTRIB_NEEDS = ("opentelemetry-util-genai==0.4b0",)
"""The version with which these were recorded."""


def _laid(
    name: str,
    packages: tuple[str, ...],
    unstated: Mapping[str, tuple[str, ...]] | None = None,
    why: str = "",
    words: tuple[str, ...] = (),
) -> Stack:
    """A library with the instrumentations that the name says; ``native`` is the library's own."""
    needs = _CONTRIB_NEEDS if "openai-contrib" in name.partition(".")[2].split("+") else ()
    return layered(name, (*packages, *needs), words, itself=("native",), unstated=unstated, why=why)


_CACHE = ("cache_read_tokens", "cost")
_CALL = ("prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens", "cost")
_DETAILS_GONE = {"*/cached*": _CACHE, "*/reasoning*": ("reasoning_tokens", *_CACHE)}
"""For instrumentations that tell no parts of the tokens."""
_HOUR_GONE = {"*/split*": ("cost",)}
_HOUR_GONE_WHY = "What is written to the cache for an hour is not told apart, and is dearer."

_AGENTS_PACKAGES = ("openai-agents==0.24.0", "openai==3.54.0")
_AGENTS_CHAT_CACHE = "The instrumentations do not tell the cached part of chat completions."
_AGENTS_STREAM = "OpenInference's openai does not read the streamed responses of the Agents SDK."

_OPENAI_AGENTS = (
    *(
        _laid(f"openai-agents.{order}", _AGENTS_PACKAGES, {"chat*/cached*": _CACHE}, _AGENTS_CHAT_CACHE)
        for order in ("openinference", "openinference+openai-contrib", "openai-contrib+openinference")
    ),
    *(
        _laid(f"openai-agents.{order}", _AGENTS_PACKAGES)
        for order in (
            "openinference+openai-openinference",
            "openai-openinference+openinference",
            "openllmetry+openai-openllmetry",
            "contrib-genai+openai-contrib-genai",
            "openai-contrib-genai+contrib-genai",
        )
    ),
    *(
        _laid(f"openai-agents.{order}", _AGENTS_PACKAGES, {"stream/reasoning*": ("reasoning_tokens", *_CACHE)}, _AGENTS_STREAM)
        for order in ("contrib+openai-openinference", "openai-openinference+contrib")
    ),
    _laid("openai-agents.contrib-genai+openai-openinference", _AGENTS_PACKAGES, {"stream/*": _CALL}, _AGENTS_STREAM),
    *(
        _laid(
            f"openai-agents.{order}",
            _AGENTS_PACKAGES,
            _DETAILS_GONE,
            "The instrumentations tell no cached and no reasoning tokens.",
        )
        for order in ("contrib", "contrib+openai-contrib", "openai-contrib+contrib")
    ),
    _laid(
        "openai-agents.openllmetry",
        _AGENTS_PACKAGES,
        {"chat*": _CALL, "parallel/*": _CALL},
        "The spans of chat completions carry no usage.",
    ),
)

_CREWAI_PACKAGES = ("crewai==1.15.30", "openai==2.54.0")

_CREWAI = (
    _laid("crewai.native", _CREWAI_PACKAGES),
    _laid(
        "crewai.native+openai-openinference",
        _CREWAI_PACKAGES,
        {"session/*-rootless": ("session_id",)},
        "CrewAI writes traces of its own; those of the client's spans name no session.",
    ),
    _laid("crewai.openinference", _CREWAI_PACKAGES, {"*": ("cost",)}, "The model is named on no span."),
    _laid("crewai.openllmetry", _CREWAI_PACKAGES),
    _laid("crewai.openinference+openai-openinference", _CREWAI_PACKAGES),
    _laid("crewai.openai-openinference+openinference", _CREWAI_PACKAGES),
    _laid("crewai.openllmetry+openai-openllmetry", _CREWAI_PACKAGES),
    _laid("crewai.openinference+litellm-openinference", ("crewai==1.15.30", "litellm==1.106.2"), words=("litellm",)),
)

_SMOLAGENTS = tuple(
    _laid(f"smolagents.{order}", ("smolagents[openai]==1.26.0", "openai==3.54.0"))
    for order in (
        "openinference",
        "openinference+openai-openinference",
        "openai-openinference+openinference",
        "openinference+openai-openllmetry",
        "contrib-genai+openai-contrib-genai",
        "openai-contrib-genai+contrib-genai",
    )
)

_AGNO_PACKAGES = ("agno==3.1.10", "openai==3.54.0", "anthropic==2.12.0")

_AGNO = (
    _laid("agno.openinference", _AGNO_PACKAGES, {"chat/reasoning*": ("reasoning_tokens",)}, "Reasoning tokens are not told."),
    _laid("agno.openinference+openai-openinference", _AGNO_PACKAGES),
    _laid("agno.openai-openinference+openinference", _AGNO_PACKAGES),
    _laid("agno.openllmetry+openai-openllmetry", _AGNO_PACKAGES),
    _laid("agno.contrib-genai+openai-contrib-genai", _AGNO_PACKAGES),
    _laid("agno.openai-contrib-genai+contrib-genai", _AGNO_PACKAGES),
    _laid(
        "agno.openllmetry",
        _AGNO_PACKAGES,
        {
            "[!a]*": ("num_model_events",),  # all but anthropic, whose library writes spans of its own
            "stream/*": _CALL,
            "team/*": _CALL,
            "chat/cached*": _CACHE,
            "responses/cached*": _CACHE,
            "chat/reasoning*": ("reasoning_tokens", *_CACHE),
        },
        "There are spans of agents only, with the sums of input and output; streams and teams have no usage at all.",
    ),
)

_PYDANTIC_AI_PACKAGES = ("pydantic-ai-slim[anthropic,openai]==2.68.0", "openai==3.54.0", "anthropic==2.12.0")
_PYDANTIC_AI_1_PACKAGES = ("pydantic-ai-slim[anthropic,openai]==1.107.10", "openai==3.54.0", "anthropic==0.125.0")

_PYDANTIC_AI = (
    *(
        _laid(f"pydantic-ai.{order}", _PYDANTIC_AI_PACKAGES)
        for order in (
            "native",
            "openinference",
            "native+openai-openinference",
            "openai-openinference+native",
            "native+openai-contrib",
            "openai-contrib+native",
        )
    ),
    Stack(
        "pydantic-ai-1.native",
        "pydantic_ai",
        _PYDANTIC_AI_1_PACKAGES,
        options=("native",),
        unstated=_HOUR_GONE,
        why=_HOUR_GONE_WHY,
    ),
)

_AGENTSCOPE = "agentscope==2.0.11"
_OPENINFERENCE_OPENAI = "openinference-instrumentation-openai"

_STRANDS_PACKAGES = ("strands-agents[anthropic,openai]==1.62.0", "boto3==1.44.5")
_STRANDS_GONE = {**_HOUR_GONE, "openai/reasoning*": ("reasoning_tokens",)}
_STRANDS_WHY = f"{_HOUR_GONE_WHY} Reasoning tokens are not told."

_STRANDS_1_20 = ("strands-agents[anthropic,openai]==1.20.0", "boto3==1.44.5")
_STRANDS_1_20_GONE = {
    **_STRANDS_GONE,
    "openai/cached*": _CACHE,
    "openai/reasoning*": ("reasoning_tokens", *_CACHE),
    "anthropic/*": ("prompt_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "cost"),
}
_STRANDS_1_20_WHY = (
    f"{_STRANDS_WHY} Anthropic's and OpenAI's cached tokens are not told either, and are missing from Anthropic's input."
)

_ADK_PACKAGES = ("google-adk==2.13.0", "google-genai==2.34.0", "litellm==1.106.2", "anthropic==2.12.0", "mcp==2.3.0")

_AG2_PACKAGES = ("ag2[openai,anthropic,gemini,tracing]==1.2.1", "openai==3.57.0", "anthropic==0.125.0", "google-genai==2.34.0")

_CLAUDE_AGENT_SDK = tuple(
    Stack(
        f"claude-agent-sdk.openinference{suffix}",
        "claude_agent_sdk",
        ("claude-agent-sdk==0.2.189", f"openinference-instrumentation-claude-agent-sdk=={version}"),
        options=(command_line, "openinference-instrumentation-claude-agent-sdk"),
        unstated={"*": ("num_model_events", "reasoning_tokens")},
        why="There are spans of agents only, with the sums of a turn.",
    )
    for suffix, version, command_line in (
        ("", "0.1.22", "2.1.300"),
        ("-0.1.21", "0.1.21", "2.1.200"),
        ("-0.1.12", "0.1.12", "2.1.200"),
    )
)

_BEEAI = (
    Stack(
        "beeai-framework.openinference",
        "beeai_framework",
        ("beeai-framework==0.1.85", "openinference-instrumentation-beeai==0.1.30"),
        options=("openinference-instrumentation-beeai",),
        unstated={"*/reasoning*": ("reasoning_tokens",)},
        why="Reasoning tokens are not told.",
    ),
)

_NATIVE = (
    Stack(
        "ag2.native",
        "ag2",
        _AG2_PACKAGES,
        unstated={"untraced_delegation/*": ("num_model_events", *_CALL)},
        why="What a delegated agent without the middleware uses is only in a sum, which repeats the calls of one that has it.",
    ),
    Stack(
        "agentscope.native",
        "agentscope",
        (_AGENTSCOPE, "openai==3.57.0", "anthropic==0.125.0"),
        unstated={"openai/reasoning*": ("reasoning_tokens",), **_HOUR_GONE},
        why=f"{_HOUR_GONE_WHY} Reasoning tokens are not told.",
    ),
    Stack(
        "agentscope.native+openai-openinference+anthropic-native",
        "agentscope",
        (_AGENTSCOPE, "openai==3.57.0", "anthropic==2.14.0", f"{_OPENINFERENCE_OPENAI}==0.1.66"),
        options=(_OPENINFERENCE_OPENAI,),
    ),
    Stack("strands.native", "strands", _STRANDS_PACKAGES, unstated=_STRANDS_GONE, why=_STRANDS_WHY),
    Stack("strands.native-1.20", "strands", _STRANDS_1_20, unstated=_STRANDS_1_20_GONE, why=_STRANDS_1_20_WHY),
    *(
        Stack(
            f"strands.openinference{suffix}",
            "strands",
            (*packages, f"openinference-instrumentation-strands-agents=={version}"),
            options=("openinference",),
            unstated=unstated,
            why=why,
        )
        for suffix, version, packages, unstated, why in (
            ("", "0.1.12", _STRANDS_PACKAGES, _STRANDS_GONE, _STRANDS_WHY),
            ("-0.1.3", "0.1.3", _STRANDS_PACKAGES, _STRANDS_GONE, _STRANDS_WHY),
            ("-0.1.2", "0.1.2", _STRANDS_1_20, _STRANDS_1_20_GONE, _STRANDS_1_20_WHY),
            ("-1.20", "0.1.12", _STRANDS_1_20, _STRANDS_1_20_GONE, _STRANDS_1_20_WHY),
        )
    ),
    Stack(
        "google-adk.native",
        "google_adk",
        _ADK_PACKAGES,
        unstated=_HOUR_GONE,
        why=_HOUR_GONE_WHY,
    ),
    _laid(
        "google-adk.openinference",
        _ADK_PACKAGES,
        {**_HOUR_GONE, **{f"{scenario}/*": ("num_model_events", *_CALL) for scenario in ("tools", "openai_tools", "delegation")}},
        f"{_HOUR_GONE_WHY} The span of an agent is overwritten by each of its calls, so only the last one is told.",
    ),
)

STACKS = (*_OPENAI_AGENTS, *_CREWAI, *_SMOLAGENTS, *_AGNO, *_PYDANTIC_AI, *_CLAUDE_AGENT_SDK, *_BEEAI, *_NATIVE)
