"""Semantic Kernel: chat services of OpenAI, Anthropic and Amazon Bedrock, and agents.

Options: the services besides OpenAI (anthropic, bedrock); `native`, which is always on; distributions of instrumentations in the
order of installation.
"""

import asyncio
import os
from contextlib import suppress

from _harness import BEDROCK_CLAUDE, CLAUDE, EMBEDDING, GPT, options, provider, run, scenario, versions
from _layers import lay

NO_LAYERS = ("anthropic", "bedrock", "native")
os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"
versions("semantic-kernel", "openai")
lay([word for word in options() if word not in NO_LAYERS], provider())

from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAITextEmbedding
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function


class Weather:
    """A plugin."""

    @kernel_function(name="get_weather", description="Tell the weather in a city.")
    def get_weather(self, city: str) -> str:
        """Tell the weather in a city."""
        return f"It rains in {city}."


def service() -> OpenAIChatCompletion:
    """The chat service of OpenAI."""
    return OpenAIChatCompletion(ai_model_id=GPT)


def hello() -> ChatHistory:
    """A conversation that begins."""
    history = ChatHistory()
    history.add_user_message("Hello")
    return history


async def ask(chat: ChatCompletionClientBase, settings: PromptExecutionSettings | None = None) -> None:
    """One call."""
    chosen = settings or chat.instantiate_prompt_execution_settings()
    await chat.get_chat_message_contents(hello(), chosen)


async def ask_streaming(chat: ChatCompletionClientBase) -> None:
    """One call, streamed."""
    async for _ in chat.get_streaming_chat_message_contents(hello(), chat.instantiate_prompt_execution_settings()):
        pass


@scenario("openai", plans=("plain", "cached", "reasoning", "failure"))
async def openai() -> None:
    await ask(service())


async def openai_stream() -> None:
    """A streamed call."""
    await ask_streaming(service())


if "opentelemetry-instrumentation-openai-v2" not in options():  # the kernel does not know its streams for streams
    scenario("openai_stream", plans=("cached",))(openai_stream)


@scenario("openai_parallel")
async def parallel() -> None:
    await asyncio.gather(ask(service()), ask(service()))


@scenario("openai_agent", plans=("cached",))
async def agent() -> None:
    await ChatCompletionAgent(service=service(), name="forecaster", plugins=[Weather()]).get_response("How is the weather?")


@scenario("openai_embedding")
async def embedding() -> None:
    await OpenAITextEmbedding(ai_model_id=EMBEDDING).generate_embeddings(["Hello"])
    await ask(service())


@scenario("openai_error", plans=("error",))
async def error() -> None:
    with suppress(Exception):
        await ask(service())


def anthropic_chats() -> None:
    """Scenarios with Anthropic."""
    from semantic_kernel.connectors.ai.anthropic import AnthropicChatCompletion

    @scenario("anthropic", plans=("plain", "cached"))
    async def anthropic() -> None:
        await ask(AnthropicChatCompletion(ai_model_id=CLAUDE))

    @scenario("anthropic_stream", plans=("cached",))
    async def stream() -> None:
        await ask_streaming(AnthropicChatCompletion(ai_model_id=CLAUDE))


def bedrock_chats() -> None:
    """Scenarios with Claude on Amazon Bedrock."""
    from semantic_kernel.connectors.ai.bedrock import BedrockChatCompletion

    @scenario("bedrock", plans=("plain", "cached"))
    async def bedrock() -> None:
        await ask(BedrockChatCompletion(model_id=BEDROCK_CLAUDE))

    @scenario("bedrock_stream", plans=("cached",))
    async def stream() -> None:
        await ask_streaming(BedrockChatCompletion(model_id=BEDROCK_CLAUDE))


if "anthropic" in options():
    anthropic_chats()
if "bedrock" in options():
    bedrock_chats()
run()
