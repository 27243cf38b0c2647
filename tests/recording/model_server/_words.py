"""What the model says: a tool call when a tool can be called, else a text of the form that is asked for.

Frameworks ask for forms of their own in the prompt: code (smolagents), thought and action (CrewAI), marked fields (DSPy). A loop
ends because each tool is called once.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = Any

TEXT = "It is sunny in Paris."
"""What the model says when nothing else is asked for."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """A tool on offer."""

    name: str
    schema: Mapping[str, Json]


@dataclasses.dataclass(frozen=True)
class Call:
    """A tool called."""

    name: str
    arguments: Json


@dataclasses.dataclass(frozen=True)
class Request:
    """What matters of a request, in whatever dialect."""

    messages: Json
    """As they came."""
    tools: Sequence[Tool] = ()
    called: Sequence[str] = ()
    """Tools that were called in this conversation before."""
    forced: str = ""
    """The tool that has to be called."""
    required: bool = False
    """Whether some tool has to be called."""
    schema: Mapping[str, Json] | None = None
    """Of a structured answer."""


def answer(request: Request) -> str | Call:
    """A tool call, or a text."""
    tool = _tool(request)
    if tool is not None:
        return Call(tool.name, example(tool.schema))
    if request.schema is not None:
        return json.dumps(example(request.schema))
    return _text(json.dumps(request.messages))


def _tool(request: Request) -> Tool | None:
    """The tool to call: the forced one, else a new one, last of all one that ends the loop."""
    by_name = {tool.name: tool for tool in request.tools}
    if request.forced in by_name:
        return by_name[request.forced]
    final = [tool for tool in request.tools if _ends_the_loop(tool.name)]
    new = [tool for tool in request.tools if tool.name not in request.called and tool not in final]
    if new and not request.called:
        return new[0]
    if final:
        return final[0]
    return request.tools[0] if request.required and request.tools else None


def _ends_the_loop(name: str) -> bool:
    return name == "final_answer" or name.startswith("final_result")


def _text(prompt: str) -> str:
    if "[[ ## " in prompt:
        return _fields(prompt)
    if "final_answer(" in prompt:
        return f"Thought: I know it.\n<code>\nfinal_answer({TEXT!r})\n</code>"
    if "Final Answer" in prompt or "Your personal goal is" in prompt:
        return _thought(prompt)
    return TEXT


def _fields(prompt: str) -> str:
    """DSPy asks for marked fields; its ReAct names the next tool in one."""
    if "next_tool_name" in prompt:
        done = "observation_0" in prompt
        tool = re.search(r"\(1\) ([A-Za-z_]\w*)", prompt)
        name, arguments = ("finish", "{}") if done or tool is None else (tool[1], '{"city": "Paris"}')
        values = {"next_thought": "I see.", "next_tool_name": name, "next_tool_args": arguments}
    else:
        # the list of the output fields ends the prompt
        asked = re.findall(r"\[\[ ## (\w+) ## \]\]", prompt.rsplit("starting with the field", 1)[-1])
        values = {name: TEXT for name in asked if name != "completed"}
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in {**values, "completed": ""}.items())


def _thought(prompt: str) -> str:
    """CrewAI's form: an action when there is one and none was taken yet, else the final answer."""
    task = prompt.rsplit("Current Task", 1)[-1]
    tool = re.search(r"Tool Name: ([A-Za-z_]\w*)", prompt)
    if tool and "Observation" not in task:
        return f'Thought: I look.\nAction: {tool[1]}\nAction Input: {{"city": "Paris"}}'
    return f"Thought: I now can give a great answer\nFinal Answer: {TEXT}"


def example(schema: Mapping[str, Json], definitions: Mapping[str, Json] | None = None) -> Json:
    """Something that fits a JSON schema."""
    known = definitions if definitions is not None else schema.get("$defs") or {}
    if "$ref" in schema:
        return example(known.get(schema["$ref"].rsplit("/", 1)[-1], {}), known)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return example(schema[choice][0], known)
    if schema.get("enum"):
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    return _of_type(schema, known)


def _of_type(schema: Mapping[str, Json], known: Mapping[str, Json]) -> Json:
    stated = schema.get("type", "object" if "properties" in schema else "string")
    kind = str(stated[0] if isinstance(stated, list) else stated).lower()
    if kind == "object":
        return {name: example(part, known) for name, part in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [example(schema.get("items") or {}, known)]
    return {"integer": 3, "number": 3.5, "boolean": True, "null": None}.get(kind, "Paris")
