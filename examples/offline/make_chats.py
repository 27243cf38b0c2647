"""Make ``chats.jsonl``: traces of three users on two days, as the collector writes them.

python examples/offline/make_chats.py
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

MONDAY = datetime(2026, 1, 12, 9, tzinfo=timezone.utc)
TUESDAY = MONDAY + timedelta(days=1)
SECOND_NS = 1_000_000_000


class Turn(NamedTuple):
    """One request of a chat: who asked, when, and the model calls, with input and output tokens."""

    session: str
    user: str
    start: datetime
    agent: str
    calls: tuple[tuple[str, int, int], ...]
    tool: str | None = None


TURNS = (
    Turn(
        "chat-1",
        "ada",
        MONDAY,
        "planner",
        (("gpt-4o", 21_000, 900), ("gpt-4o-mini", 4_000, 350)),
        "search",
    ),
    Turn("chat-1", "ada", MONDAY + timedelta(minutes=4), "planner", (("gpt-4o", 24_000, 410),)),
    Turn("chat-2", "ada", TUESDAY, "writer", (("gpt-4o", 48_000, 2_100),)),
    Turn(
        "chat-3",
        "ada",
        TUESDAY,
        "planner",
        (("gpt-4o-mini", 9_000, 700), ("our-own-model", 5_000, 80)),
    ),
    Turn("chat-4", "grace", MONDAY, "planner", (("gpt-4o-mini", 12_000, 640),), "search"),
    Turn(
        "chat-5",
        "grace",
        TUESDAY,
        "writer",
        (("gpt-4o-mini", 2_500, 210), ("gpt-4o-mini", 2_900, 95)),
    ),
    Turn(
        "chat-6",
        "lin",
        TUESDAY,
        "planner",
        (("gpt-4o", 6_400, 380), ("gpt-4o", 7_100, 420)),
        "database",
    ),
)


def request(number: int, turn: Turn) -> dict[str, Any]:
    """Return the spans of a turn as one OTLP request."""
    start = int(turn.start.timestamp()) * SECOND_NS
    made: list[dict[str, Any]] = []

    def span(name: str, parent: int | None, times: tuple[int, int], **attributes: str | int) -> int:
        """Add a span between two seconds; two underlines stand for a dot."""
        own = len(made) + 1
        made.append(
            {
                "traceId": f"{number:032x}",
                "spanId": f"{number:08x}{own:08x}",
                **({"parentSpanId": f"{number:08x}{parent:08x}"} if parent is not None else {}),
                "flags": 0x100,  # the parent is in the same process
                "name": name,
                "kind": 1,
                "startTimeUnixNano": str(start + times[0] * SECOND_NS),
                "endTimeUnixNano": str(start + times[1] * SECOND_NS),
                "attributes": [
                    {
                        "key": key.replace("__", "."),
                        "value": {"intValue": str(value)}
                        if isinstance(value, int)
                        else {"stringValue": value},
                    }
                    for key, value in attributes.items()
                ],
            }
        )
        return own

    end = 3 * len(turn.calls) + 2
    top = span("POST /chat", None, (0, end), session__id=turn.session, user__id=turn.user)
    agent = span(
        f"invoke_agent {turn.agent}",
        top,
        (0, end),
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name=turn.agent,
    )
    for place, (model, prompt, completion) in enumerate(turn.calls):
        span(
            f"chat {model}",
            agent,
            (3 * place, 3 * place + 2),
            gen_ai__operation__name="chat",
            gen_ai__request__model=model,
            gen_ai__usage__input_tokens=prompt,
            gen_ai__usage__output_tokens=completion,
        )
    if turn.tool is not None:
        span(
            f"execute_tool {turn.tool}",
            agent,
            (2, 3),
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name=turn.tool,
        )
    service = {"key": "service.name", "value": {"stringValue": "chats"}}
    scope = {"scope": {"name": "app"}, "spans": made}
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [scope]}]}


def main() -> None:
    """Write the file beside this program."""
    lines = [json.dumps(request(number, turn)) for number, turn in enumerate(TURNS, 1)]
    Path(__file__).with_name("chats.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
