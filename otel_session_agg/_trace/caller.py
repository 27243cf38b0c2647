"""Which agent and which tool made a call: the nearest ones at or above its span that have a name.

What an open span is called is known when it ends.  Until then its id stands for the name, so that
what is already added up can be given to it later.
"""

from __future__ import annotations

from typing import Final

from otel_session_agg._model.span import Reading

Name = str | int | None
"""A name; the id of an open span, which may turn out to be the nearest; ``None``: there is none."""

Caller = tuple[Name, Name]
"""The agent and the tool that made a call."""

NO_CALLER: Final[Caller] = (None, None)
"""To be compared by its value: in compiled code a tuple has no identity."""


def caller_of(reading: Reading) -> Caller:
    """Return the agent and the tool that a span states to be, or a call to be made by."""
    agent, tool = reading.agent_name, reading.tool_name
    return NO_CALLER if agent is None and tool is None else (agent, tool)


def below(inner: Caller, outer: Caller) -> Caller:
    """Return the nearest of what a span and those above it state."""
    if inner == NO_CALLER:
        return outer
    return (
        outer[0] if inner[0] is None else inner[0],
        outer[1] if inner[1] is None else inner[1],
    )
