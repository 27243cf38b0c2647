"""Stacks of instrumentations that are laid over a framework, or over the clients below it."""

from __future__ import annotations

from collections.abc import Mapping

from ._stack import Stack

_VERSIONS = {
    "openinference-instrumentation-agno": "1.0.15",
    "openinference-instrumentation-anthropic": "3.1.0",
    "openinference-instrumentation-autogen-agentchat": "0.1.22",
    "openinference-instrumentation-bedrock": "0.1.61",
    "openinference-instrumentation-crewai": "1.1.21",
    "openinference-instrumentation-dspy": "0.1.48",
    "openinference-instrumentation-google-adk": "1.0.5",
    "openinference-instrumentation-haystack": "0.1.46",
    "openinference-instrumentation-instructor": "0.1.29",
    "openinference-instrumentation-langchain": "0.1.80",
    "openinference-instrumentation-litellm": "0.1.51",
    "openinference-instrumentation-llama-index": "4.6.1",
    "openinference-instrumentation-openai": "0.1.66",
    "openinference-instrumentation-openai-agents": "2.6.0",
    "openinference-instrumentation-pydantic-ai": "0.1.30",
    "openinference-instrumentation-smolagents": "0.1.43",
    "opentelemetry-instrumentation-agno": "0.62.4",
    "opentelemetry-instrumentation-anthropic": "0.62.4",
    "opentelemetry-instrumentation-bedrock": "0.62.4",
    "opentelemetry-instrumentation-crewai": "0.62.4",
    "opentelemetry-instrumentation-genai-agno": "1.3b0",
    "opentelemetry-instrumentation-genai-dspy": "1.3b0",
    "opentelemetry-instrumentation-genai-langchain": "1.3b0",
    "opentelemetry-instrumentation-genai-llama-index": "1.3b0",
    "opentelemetry-instrumentation-genai-openai": "1.3b0",
    "opentelemetry-instrumentation-genai-openai-agents": "1.3b0",
    "opentelemetry-instrumentation-genai-smolagents": "1.2b0",
    "opentelemetry-instrumentation-haystack": "0.62.4",
    "opentelemetry-instrumentation-langchain": "0.62.4",
    "opentelemetry-instrumentation-litellm": "0.62.4",
    "opentelemetry-instrumentation-llamaindex": "0.62.4",
    "opentelemetry-instrumentation-openai": "0.62.4",
    "opentelemetry-instrumentation-openai-agents": "0.62.4",
    "opentelemetry-instrumentation-openai-agents-v2": "0.1.0",
    "opentelemetry-instrumentation-openai-v2": "2.4b0",
}
"""Of the instrumentations that are laid over a framework or over the clients below it."""

_ALSO_NEEDED = {
    # it imports the one without asking for it, and parts of the other that newer versions do not have
    "opentelemetry-instrumentation-openai-v2": ("httpx==0.28.1", "opentelemetry-util-genai==1.0b0"),
}

_KINDS = {
    "openinference": "openinference-instrumentation-{}",
    "openllmetry": "opentelemetry-instrumentation-{}",
    "contrib-genai": "opentelemetry-instrumentation-genai-{}",
    "contrib": "opentelemetry-instrumentation-{}-v2",
}
"""What a word in a stack's name stands for; a client before it, as in ``openai-contrib``, means the client's instrumentation."""

_SPELT = {
    ("autogen", "openinference"): "autogen-agentchat",
    ("llama-index", "openllmetry"): "llamaindex",
    **{("langgraph", kind): "langchain" for kind in _KINDS},
    **{("openai-agents-memory", kind): "openai-agents" for kind in _KINDS},
    **{("agno-memory", kind): "agno" for kind in _KINDS},
}
"""Libraries that an instrumentation's name spells differently."""


def _distribution(library: str, word: str) -> str:
    """The instrumentation that a word in the name of a library's stack stands for."""
    kind = next(kind for kind in sorted(_KINDS, reverse=True) if word.endswith(kind))
    client = word.removesuffix(kind).rstrip("-")
    of = client or library
    return _KINDS[kind].format(_SPELT.get((of, kind), of))


def layered(
    name: str,
    libraries: tuple[str, ...],
    options: tuple[str, ...] = (),
    *,
    itself: tuple[str, ...] = (),
    driver: str = "",
    unstated: Mapping[str, tuple[str, ...]] | None = None,
    why: str = "",
) -> Stack:
    """A stack whose name says what is laid over a library.

    The options are words for the driver that come before the layers; ``itself`` names the layers that are the library's own.
    """
    library, _, words = name.partition(".")
    driver = (driver or library).replace("-", "_")
    layers = [word if word in itself else _distribution(library.rstrip("0123456789"), word) for word in words.split("+")]
    installed = [layer for layer in layers if layer not in itself]
    packages = [*libraries, *(f"{layer}=={_VERSIONS[layer]}" for layer in installed)]
    named = {package.partition("==")[0] for package in packages}
    needed = [package for layer in installed for package in _ALSO_NEEDED.get(layer, ())]
    packages += [package for package in needed if package.partition("==")[0] not in named]
    return Stack(name, driver, (*packages,), options=(*options, *layers), unstated=unstated or {}, why=why)
