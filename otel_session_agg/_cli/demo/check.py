"""Compare the totals that arrived with the usage that the model server sent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from otel_session_agg import attributes
from otel_session_agg._cli.demo.agents import SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_session_agg._cli.demo.receiver import ReceivedSpan
    from otel_session_agg._cli.demo.server import Served

__all__ = ["differences", "session_roots"]


def session_roots(spans: Iterable[ReceivedSpan]) -> list[ReceivedSpan]:
    """Return the roots of the agents' traces, oldest first, without session records."""
    roots = (span for span in spans if not span.parent_span_id and span.scope == SCOPE)
    return sorted(roots, key=lambda root: root.start_ns)


def differences(roots: Iterable[ReceivedSpan], served: Iterable[Served]) -> list[str]:
    """Return a sentence for each total that differs from what the server sent."""
    arrived: dict[str, list[ReceivedSpan]] = {}
    for root in roots:
        arrived.setdefault(str(root.attributes.get(attributes.SESSION_ID)), []).append(root)
    expected = _expected(served)
    found = [
        f"{session}: {len(arrived.get(session, []))} session roots arrived, one was expected"
        for session in sorted(expected.keys() | arrived.keys())
        if session not in expected or len(arrived.get(session, [])) != 1
    ]
    for session, totals in expected.items():
        for root in arrived.get(session, []):
            found += [
                f"{session}: {name} is {root.attributes.get(name)}, the server answered {total}"
                for name, total in totals.items()
                if root.attributes.get(name, 0) != total  # some totals are written only when not 0
            ]
    return found


def _expected(served: Iterable[Served]) -> dict[str, Counter[str]]:
    expected: dict[str, Counter[str]] = {}
    for answer in served:
        expected.setdefault(answer.session, Counter()).update(
            {
                attributes.NUM_MODEL_EVENTS: int(answer.operation == "chat"),
                attributes.PROMPT_TOKENS: answer.prompt_tokens,
                attributes.COMPLETION_TOKENS: answer.completion_tokens,
                attributes.TOTAL_TOKENS: answer.prompt_tokens + answer.completion_tokens,
                attributes.CACHE_READ_TOKENS: answer.cached_tokens,
                attributes.REASONING_TOKENS: answer.reasoning_tokens,
            }
        )
    return expected
