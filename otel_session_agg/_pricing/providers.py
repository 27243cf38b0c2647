"""Names of providers on real spans, as tables.

A *seller* is the provider whose price list applies.
"""

from __future__ import annotations

__all__ = ["SELLERS", "canonical_provider", "clean"]

_NOT_SELLERS = frozenset({
    "", "ag2", "agent-framework", "agno", "ai-gateway", "autogen", "beeai", "browser-use",
    "claude-agent-sdk", "crewai", "dspy", "function", "gateway", "google-adk", "griptape",
    "guardrails", "haystack", "helicone", "instructor", "langchain", "langchain4j", "langfuse",
    "langgraph", "langsmith", "letta", "litellm", "litellm-proxy", "llama-index", "llamaindex",
    "mastra", "mcp", "microsoft-agent-framework", "none", "null", "openai-agents", "openlit",
    "phidata", "portkey", "promptflow", "pydantic-ai", "semantic-kernel", "smolagents", "spring-ai",
    "strands", "strands-agents", "traceloop", "undefined", "unknown", "vercel",
})  # fmt: skip
"""Frameworks, gateways and blanks that stand where a provider should: the same as no provider."""

_ALIASES = {
    "amazon": "aws", "amazon-bedrock": "aws", "anthropic": "anthropic", "aws": "aws",
    "az-ai-inference": "azure", "az-ai-openai": "azure", "cerebras": "cerebras", "cohere": "cohere",
    "cohere-chat": "cohere", "databricks": "databricks", "deepseek": "deepseek",
    "fireworks": "fireworks", "fireworks-ai": "fireworks", "gcp-gemini": "google",
    "gcp-gen-ai": "google", "gemini": "google", "github-copilot": "github-copilot",
    "google": "google", "google-ai": "google", "google-ai-studio": "google",
    "google-genai": "google", "google-generative-ai": "google", "google-gla": "google",
    "grok": "x-ai", "groq": "groq", "minimax": "minimax", "mistral": "mistral",
    "mistral-ai": "mistral", "mistralai": "mistral", "moonshot": "moonshotai",
    "moonshot-ai": "moonshotai", "moonshotai": "moonshotai", "novita": "novita",
    "open-ai": "openai", "openai": "openai", "openrouter": "openrouter", "perplexity": "perplexity",
    "perplexity-ai": "perplexity", "pplx": "perplexity", "together": "together",
    "together-ai": "together", "togetherai": "together", "voyage": "voyageai",
    "voyageai": "voyageai", "x-ai": "x-ai", "xai": "x-ai", "zai": "zai", "z-ai": "zai",
}  # fmt: skip
"""Ids of genai-prices by names of providers, with ``.``, ``_`` and blanks written as ``-``."""

SELLERS = frozenset(_ALIASES.values())
"""Ids of all providers that have a name here."""

_SELLER_WORDS = (
    ("bedrock", "aws"),
    ("vertex", "google"),
    ("azure", "azure"),
    ("openrouter", "openrouter"),
)
"""Words that name the seller, whichever company made the model: Google bills
``vertex.anthropic.messages``."""

_API_WORDS = frozenset({
    "chat", "completion", "completions", "embedding", "embeddings", "image", "messages",
    "responses", "transcription",
})  # fmt: skip
"""What the AI SDK appends to a provider's name: ``openai.responses``."""


def clean(name: str) -> str:
    """Return a name in lower case, without blanks and the quotes of a JSON string around it."""
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    return name.lower()


def canonical_provider(name: str | None) -> str | None:
    """Return the id of the provider a name stands for, or ``None`` if it is no provider's.

    A name that is not known is its own id.
    """
    name = clean(name or "")
    dashed = name.replace("_", "-").replace(".", "-").replace(" ", "-")
    if dashed in _NOT_SELLERS:
        return None
    if dashed in _ALIASES:
        return _ALIASES[dashed]
    for word, seller in _SELLER_WORDS:
        if word in name:
            return seller
    head, _, tail = name.rpartition(".")
    return canonical_provider(head) if tail in _API_WORDS and head else name
