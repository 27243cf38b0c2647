"""The client of Portkey's gateway; the options name its instrumentations in their order."""

from _clients import WEATHER, instrument, sessions
from _harness import GPT, URL, run, scenario, versions

versions("portkey-ai")
instrument()

from portkey_ai import Portkey

MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
CHAT = {"model": GPT, "messages": MESSAGES}


def portkey():
    """A client of the model server."""
    return Portkey(base_url=f"{URL}/v1", api_key="key", provider="openai", Authorization="Bearer key")


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
def chat():
    portkey().chat.completions.create(**CHAT)


@scenario("stream", ("plain", "cached"))
def stream():
    for _ in portkey().chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}):
        pass


@scenario("tools")
def tools():
    client = portkey()
    asked = client.chat.completions.create(**CHAT, tools=TOOLS).choices[0].message.tool_calls
    calls = [{"id": call.id, "type": "function", "function": dict(call.function)} for call in asked]
    result = {"role": "tool", "tool_call_id": asked[0].id, "content": "Rain."}
    messages = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": calls}, result]
    client.chat.completions.create(model=GPT, messages=messages, tools=TOOLS)


sessions(chat)
run()
