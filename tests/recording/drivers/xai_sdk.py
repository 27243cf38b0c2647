"""xAI's SDK: its own tracing. It speaks gRPC: the server here asks the model server, and counts as xAI does."""

from __future__ import annotations

import http.client
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from _calls import QUESTION, SCHEMA, get_weather
from _harness import URL, provider, run, scenario, versions
from _layers import in_one_loop

versions("xai-sdk")
provider()

import grpc
from xai_sdk import AsyncClient, Client
from xai_sdk.chat import tool, tool_result, user
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2, usage_pb2

MODEL = "grok-4.3"
TICKS = {"uncached": 12_500, "cached": 2_000, "completion": 25_000}
"""Of a token, of 1e-10 USD each."""


class Server(chat_pb2_grpc.ChatServicer):
    """Passes each call on; a conversation that is named states what it costs, the others do not."""

    def GetCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Answer at once."""
        answer = asked(request, context, stream=False)
        return chat_pb2.GetChatCompletionResponse(
            id=answer["id"],
            model=answer["model"],
            outputs=[chat_pb2.CompletionOutput(message=message(answer), finish_reason=sample_pb2.REASON_STOP)],
            usage=usage(answer, billed=bool(request.user)),
        )

    def GetCompletionChunk(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Answer in pieces, and each states what was used until then; some are lost on the way."""
        answer = asked(request, context, stream=True)
        whole = message(answer)
        for text in ("Good ", "day."):
            yield chat_pb2.GetChatCompletionChunk(
                id=answer["id"],
                model=answer["model"],
                outputs=[chat_pb2.CompletionOutputChunk(delta=chat_pb2.Delta(role=whole.role, content=text))],
            )
            if answer["cut"]:
                context.abort(grpc.StatusCode.UNAVAILABLE, "The connection is lost.")
        yield chat_pb2.GetChatCompletionChunk(id=answer["id"], model=answer["model"], usage=usage(answer, billed=False))


def asked(request: Any, context: Any, *, stream: bool) -> dict[str, Any]:
    """An answer of the model server, or its error."""
    calls = [{"function": {"name": call.function.name}} for one in request.messages for call in one.tool_calls]
    tools = [{"function": {"name": one.function.name, "parameters": SCHEMA}} for one in request.tools]
    messages: list[Any] = [{"role": "user", "content": "Hello", "tool_calls": calls}]
    body = {
        "model": request.model,
        "messages": messages,
        "tools": tools,
        "stream": stream,
        "stream_options": {"include_usage": True},
    }
    posted = urllib.request.Request(f"{URL}/x-ai/v1/chat/completions", json.dumps(body).encode())  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(posted, timeout=10) as answer:  # noqa: S310
            return {"cut": False, **(json.load(answer) if not stream else last(answer.read()))}
    except urllib.error.HTTPError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except http.client.HTTPException:
        return {"cut": True, "id": "cut", "model": request.model}


def last(stream: bytes) -> dict[str, Any]:
    """The last event of a stream, which states what was used."""
    return json.loads([line for line in stream.split(b"\n") if line.startswith(b"data: {")][-1].removeprefix(b"data: "))


def message(answer: dict[str, Any]) -> Any:
    """A message of an answer."""
    calls = [call for one in answer.get("choices", ()) for call in one["message"].get("tool_calls") or ()]
    functions = [chat_pb2.FunctionCall(name=call["function"]["name"], arguments=call["function"]["arguments"]) for call in calls]
    return chat_pb2.CompletionMessage(
        role=chat_pb2.ROLE_ASSISTANT,
        content="" if calls else "Good day.",
        tool_calls=[chat_pb2.ToolCall(id=f"call_{number}", function=function) for number, function in enumerate(functions)],
    )


def usage(answer: dict[str, Any], *, billed: bool) -> Any:
    """What was used: reasoning is beside the completion, and in the total."""
    told = answer["usage"]
    cached, reasoning = (
        told["prompt_tokens_details"]["cached_tokens"],
        told["completion_tokens_details"]["reasoning_tokens"],
    )
    made = usage_pb2.SamplingUsage(
        prompt_tokens=told["prompt_tokens"],
        prompt_text_tokens=told["prompt_tokens"],
        cached_prompt_text_tokens=cached,
        completion_tokens=told["completion_tokens"] - reasoning,
        reasoning_tokens=reasoning,
        total_tokens=told["total_tokens"],
    )
    if billed:
        parts = {"uncached": told["prompt_tokens"] - cached, "cached": cached, "completion": told["completion_tokens"]}
        made.cost_in_usd_ticks = sum(TICKS[name] * count for name, count in parts.items())
    return made


server = grpc.server(ThreadPoolExecutor(4))
chat_pb2_grpc.add_ChatServicer_to_server(Server(), server)
WHERE: dict[str, Any] = {
    "api_key": "no-key",
    "api_host": f"localhost:{server.add_insecure_port('localhost:0')}",
    "use_insecure_channel": True,
}
server.start()
client = Client(**WHERE)


def ask(**more: Any) -> None:
    """Ask a question."""
    client.chat.create(MODEL, messages=[user("Hello")], **more).sample()


@scenario("chat", ("plain", "cached", "reasoning", "error"))
def chat():
    ask()


@scenario("billed", ("cached", "reasoning"))
def billed():
    ask(user="me")


@scenario("stream", ("cached", "cut"))
def stream():
    for _ in client.chat.create(MODEL, messages=[user("Hello")]).stream():
        pass


@scenario("tools", ("reasoning",))
def tools():
    weather = tool("get_weather", "The weather.", SCHEMA)
    talk = client.chat.create(MODEL, messages=[user(QUESTION)], tools=[weather])
    answer = talk.sample()
    talk.append(answer)
    for call in answer.tool_calls:
        talk.append(tool_result(get_weather(**json.loads(call.function.arguments))))
    talk.sample()


@scenario("parallel")
def parallel():
    with ThreadPoolExecutor(2) as threads:
        for one in [threads.submit(copy_context().run, ask) for _ in range(2)]:
            one.result()


@scenario("async", ("cached",))
@in_one_loop
async def ask_async():
    await AsyncClient(**WHERE).chat.create(MODEL, messages=[user("Hello")]).sample()


@scenario("session")
def session():
    ask(conversation_id="chat-1")
    return "chat-1"


run()
