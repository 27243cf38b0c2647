"""A local server that speaks the providers' HTTP dialects and knows what it told.

It answers like OpenAI (chat completions, responses, embeddings, also under Azure's paths), Anthropic, Google GenAI, Amazon
Bedrock, Mistral, Cohere, Groq and Ollama: each answer with figures of its own, streamed or not, with tool calls where tools are
offered. What is served follows the plan in force (``_ledger``): parts read from or written to a cache, reasoning, failures.
The ledger of what was served is the truth that recordings are measured by.

A driver, in whatever language, steers it by ``POST /_plan`` with ``{"name": "cached"}`` and asks by ``GET /_served``, which
takes the entries out. It shares the demo's HTTP server and no more: the demo's model speaks one dialect and has a script, this one
keeps a truth for all of them. The first word of a path may name the provider that is meant: ``/groq``, ``/mistral``, ``/azure``...
"""

from __future__ import annotations

from ._http import serving
from ._ledger import PLANS

__all__ = ["PLANS", "serving"]
