"""A chat service without a line about OpenTelemetry or this library.

``README.md`` beside it says how it is run so that each request's root span carries what the request
used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from openai import AsyncOpenAI
from pydantic import BaseModel

sys.path.append(str(Path(__file__).parents[1]))

import model_server

MODEL = "gpt-4o-mini"


class Question(BaseModel):
    """What a user asks."""

    text: str
    follow_ups: int = 1


@asynccontextmanager
async def _with_model(application: FastAPI) -> AsyncIterator[None]:
    """Use a model server on loopback when none is named: the example needs no key, no network."""
    if os.environ.get("OPENAI_BASE_URL"):
        application.state.client = AsyncOpenAI()
        yield
        return
    with model_server.running() as server:
        application.state.client = AsyncOpenAI(base_url=server.base_url, api_key="not-needed")
        yield


app = FastAPI(lifespan=_with_model)


@app.post("/chat")
async def chat(question: Question) -> dict[str, int | str]:
    """Answer a question and some that follow from it; says what the model's answers used."""
    messages = [{"role": "user", "content": question.text}]
    tokens, text = 0, ""
    for _ in range(1 + question.follow_ups):
        answer = await app.state.client.chat.completions.create(model=MODEL, messages=messages)
        text = answer.choices[0].message.content
        tokens += answer.usage.total_tokens
        messages += [
            {"role": "assistant", "content": text},
            {"role": "user", "content": "And then?"},
        ]
    return {"answer": text, "total_tokens": tokens}
