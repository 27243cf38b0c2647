"""Explanations of span sets, and what has to hold of each."""

from __future__ import annotations

from fractions import Fraction

from otel_session_agg import Explanation
from otel_session_agg._model.span import Kind, SpanData
from otel_session_agg._trace.trace_calls import MAX_CALLS
from tests.support.folding import Row


def below_root(told: list[Row]) -> list[SpanData]:
    """The spans of a case with the root that ``folded`` puts above them."""
    times = [time for span, _ in told for time in (span.start_ns, span.end_ns)]
    return [*(span for span, _ in told), SpanData("session", 1, 1, None, "INTERNAL", "app", "", min(times), max(times), {})]


def adds_up(explanation: Explanation) -> bool:
    """Whether the calls that count add up to the sum, and the parts of each price to its cost."""
    decided = [span.verdict for span in explanation.spans if span.verdict is not None]
    rollup = explanation.rollup
    counting = [verdict.usage for verdict in decided if verdict.usage is not None]
    priced = [verdict for verdict in decided if verdict.price is not None and verdict.cost_pusd is not None]
    return (
        sum(verdict.cost_pusd or 0 for verdict in decided) == rollup.cost_pusd
        and sum(verdict.num_model_events for verdict in decided) == rollup.num_model_events
        and sum(usage.prompt_tokens or 0 for usage in counting) == (rollup.prompt_tokens or 0)
        and sum(usage.completion_tokens or 0 for usage in counting) == (rollup.completion_tokens or 0)
        and sum(usage.total_tokens or 0 for usage in counting) == (rollup.total_tokens or 0)
        and sum(verdict.cost_source == "unknown" for verdict in decided) == rollup.num_unpriced_events
        and all(
            verdict.price is not None
            and round(sum((part.cost_pusd for part in verdict.price.parts), Fraction(0))) == verdict.cost_pusd
            and all(part.number > 0 and part.name != "whole call" for part in verdict.price.parts)
            for verdict in priced
        )
    )


def names_winners(explanation: Explanation) -> bool:
    """Whether every model call has a verdict, and what lost leads to a span that counts."""
    by_key = {(span.span.trace_id, span.span.span_id): span for span in explanation.spans}
    for span in explanation.spans:
        if span.verdict is None and span.reading.kind is Kind.MODEL:
            return False
        at, seen = span, set[int]()
        while at.verdict is not None and not at.verdict.counts:
            if at.number in seen or (at.verdict.other is None and len(explanation.spans) <= MAX_CALLS):
                return False
            seen.add(at.number)
            if at.verdict.other is None:  # calls that were added up before it
                break
            at = by_key[at.verdict.other]
        else:
            if at.verdict is None and seen:
                return False
    return True
