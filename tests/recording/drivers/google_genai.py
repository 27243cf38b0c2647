"""Google's google-genai library; the options name its instrumentations in their order."""

import asyncio

from _clients import instrument, sessions
from _harness import GEMINI, run, scenario, versions

versions("google-genai")
instrument()

from google import genai

ASK = {"model": GEMINI, "contents": "How is the weather in Paris?"}


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


@scenario("generate", ("plain", "cached", "reasoning", "failure", "error"))
def generate():
    with genai.Client() as client:
        client.models.generate_content(**ASK)


@scenario("stream", ("plain", "cached", "reasoning", "cut"))
def stream():
    with genai.Client() as client:
        for _ in client.models.generate_content_stream(**ASK):
            pass


@scenario("tools", ("plain", "reasoning"))
def tools():
    with genai.Client() as client:
        client.models.generate_content(**ASK, config={"tools": [weather]})


@scenario("parallel", ("cached",))
async def parallel():
    async with genai.Client().aio as client:
        await asyncio.gather(*[client.models.generate_content(**ASK) for _ in range(2)])


@scenario("async-stream", ("reasoning",))
async def async_stream():
    async with genai.Client().aio as client:
        async for _ in await client.models.generate_content_stream(**ASK):
            pass


@scenario("chat", ("reasoning",))
def chat():
    with genai.Client() as client:
        conversation = client.chats.create(model=GEMINI)
        conversation.send_message("How is the weather in Paris?")
        conversation.send_message("And in Rome?")


@scenario("embeddings")
def embeddings():
    with genai.Client() as client:
        client.models.embed_content(model="gemini-embedding-001", contents="Rain in Paris.")
        client.models.generate_content(**ASK)


sessions(generate)
run()
