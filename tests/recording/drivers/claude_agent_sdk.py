"""Claude's Agent SDK. The part of its command line is played here: it asks the model server and tells the SDK what was used.

Options: the version that the command line is to have, and the instrumentations.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

from _calls import QUESTION, SCHEMA, get_weather
from _harness import CLAUDE, options, provider, run, scenario, versions
from _layers import lay

versions("claude-agent-sdk")
CLI_VERSION, *layers = options()
lay(layers, provider())

import claude_agent_sdk
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport

USD = {"input_tokens": 3e-6, "output_tokens": 15e-6, "cache_read_input_tokens": 3e-7, "cache_creation_input_tokens": 3.75e-6}
"""Of a token of the model's."""


class CommandLine(Transport):
    """Answers each prompt as Claude Code does, with one tool; its costs are those of all turns so far."""

    def __init__(self, session: str = "session-1", tools: int = 0) -> None:
        self.session, self.tools, self.cost = session, tools, 0.0
        self.lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def connect(self) -> None:
        """Nothing is started."""

    async def close(self) -> None:
        """Nothing is open."""

    async def end_input(self) -> None:
        """The prompt is whole."""

    def is_ready(self) -> bool:
        return True

    async def write(self, data: str) -> None:
        message = json.loads(data)
        if message["type"] == "control_request":
            told = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            self.lines.put_nowait({"type": "control_response", "response": told})
        elif message["type"] == "user":
            for line in (*self.turn(message["message"]["content"]), None):
                self.lines.put_nowait(line)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            line = await self.lines.get()
            if line is not None:
                yield line
            elif self.session != "several":
                return

    def turn(self, prompt: str) -> list[dict[str, Any]]:
        """All lines of a turn."""
        frame = {"session_id": self.session, "uuid": "u", "parent_tool_use_id": None}
        init = {"type": "system", "subtype": "init", "model": CLAUDE, "claude_code_version": CLI_VERSION, "tools": [], **frame}
        lines, used = [init], dict.fromkeys(USD, 0)
        messages: list[Any] = [{"role": "user", "content": prompt}]
        while True:
            try:
                answer = asked(messages, tools=len(messages) < 2 * self.tools + 1)
            except urllib.error.HTTPError as error:
                end = {"is_error": True, "result": f"API Error: {error.code}", "api_error_status": error.code}
                break
            lines += [{"type": "assistant", "message": {**answer, "content": [block]}, **frame} for block in answer["content"]]
            used = {name: count + answer["usage"][name] for name, count in used.items()}
            calls = [block for block in answer["content"] if block["type"] == "tool_use"]
            if not calls:
                end = {"is_error": False, "result": "Done."}
                break
            results = [
                {"type": "tool_result", "tool_use_id": call["id"], "content": get_weather(**call["input"])} for call in calls
            ]
            messages += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": results}]
            lines.append({"type": "user", "message": {"role": "user", "content": results}, **frame})
        self.cost += sum(count * USD[name] for name, count in used.items())
        told = {"usage": used, "total_cost_usd": self.cost, "num_turns": len(lines), "duration_ms": 9, "duration_api_ms": 9}
        return [*lines, {"type": "result", "subtype": "success", **end, **told, **frame}]


def asked(messages: list[Any], *, tools: bool) -> dict[str, Any]:
    """An answer of the model server."""
    offered = [{"name": "get_weather", "description": "The weather.", "input_schema": SCHEMA}] if tools else []
    body = {"model": CLAUDE, "max_tokens": 64, "messages": messages, "tools": offered}
    request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode())  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


async def query(prompt: str, **arguments: Any) -> None:
    """Ask one question."""
    async for _ in claude_agent_sdk.query(prompt=prompt, options=ClaudeAgentOptions(), transport=CommandLine(**arguments)):
        pass


@scenario("query", ("plain", "cached", "cached_large", "reasoning", "error"))
async def ask():
    await query("Hello")


@scenario("tools", ("plain", "cached"))
async def tools():
    await query(QUESTION, tools=1)


@scenario("turns", ("plain", "cached_large"))
async def turns():
    async with ClaudeSDKClient(ClaudeAgentOptions(), transport=CommandLine("several", tools=1)) as client:
        for prompt in (QUESTION, QUESTION, QUESTION):
            await client.query(prompt)
            async for _ in client.receive_response():
                pass


@scenario("session")
async def session():
    await query("Hello", session="chat-1")
    return "chat-1"


run()
