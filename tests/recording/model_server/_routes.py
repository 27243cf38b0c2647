"""Which path is spoken in which dialect."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import _anthropic, _bedrock, _cohere, _google, _ollama, _openai_chat, _openai_responses
from ._http import Exchange

_ROUTES: tuple[tuple[str, Callable[[Exchange], None]], ...] = (
    (r"(.*/)?chat/completions$", _openai_chat.chat),
    (r"(.*/)?responses$", _openai_responses.responses),
    (r"(.*/)?embeddings$", _openai_chat.embeddings),
    (r"v1/messages/count_tokens$", _anthropic.count_tokens),
    (r"v1/messages$", _anthropic.messages),
    (r"model/.+/converse(-stream)?$", _bedrock.converse),
    (r"model/.+/invoke(-with-response-stream)?$", _bedrock.invoke),
    (r".*models/[^/]+:(generateContent|streamGenerateContent)$", _google.generate),
    (r".*models/[^/]+:(embedContent|batchEmbedContents|predict)$", _google.embed),
    (r"v2/chat$", _cohere.chat),
    (r"v[12]/embed$", _cohere.embed),
    (r"api/(chat|generate)$", _ollama.chat),
    (r"api/embed$", _ollama.embed),
)


def answer(exchange: Exchange) -> bool:
    """Whether some dialect knows the path; then it has answered."""
    for path, speak in _ROUTES:
        if re.match(path, exchange.path_parts):
            speak(exchange)
            return True
    return False
