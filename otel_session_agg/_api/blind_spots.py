"""Why a budget may not see all that is used: warn of each reason once per process.

A budget knows the spans that reach a processor.  Where tracing is off, a root is sampled out, or a
call states no tokens or has no price, the totals are too low, and a check that passes proves
nothing.  A strict budget raises then.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable

from opentelemetry import trace

from otel_session_agg._api.registry import aggregators
from otel_session_agg._guard import Guard
from otel_session_agg._model.rollup import Rollup

DISABLED = "the SDK is disabled (OTEL_SDK_DISABLED)"
NO_PROCESSOR = "no SessionSpanProcessor or SessionSpanExporter is there, or it was shut down"
NOT_RECORDING = "the trace around the check is sampled out, so its calls are not seen"
MAY_BE_SAMPLED_OUT = "the sampler leaves out traces, and what is sampled out is not seen"
UNPRICED = "it has calls without a known price, which do not count against cost_usd"
UNCOUNTED = "it has calls that state no tokens, which do not count against total_tokens"
NO_OWNER = (
    "the session() block names no user, or not the name of the metadata that the budget is per"
)
NO_SESSION = "the budget was given to no session"

_logger = logging.getLogger("otel_session_agg")
_warned = Guard(_logger)

_LEAVES_OUT = re.compile(r"(ParentBased\{root:)?(AlwaysOffSampler|TraceIdRatioBased\{(?!1\.0\}))")
"""Descriptions of the SDK's own samplers that leave out traces which begin here; other samplers are
not judged."""
_RECORDS_ALL = "RecordUnsampled{"
"""Begins the description of the sampler that has everything recorded, also below a caller that is
sampled out."""


def of_process() -> list[str]:
    """Return reasons why nothing in this process is seen."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return [DISABLED]
    return [] if aggregators() else [NO_PROCESSOR]


def of_trace() -> list[str]:
    """Return reasons why the trace around the call is not seen."""
    span = trace.get_current_span()
    context = span.get_span_context()
    sampler = getattr(trace.get_tracer_provider(), "sampler", None)
    description = str(sampler.get_description()) if sampler is not None else ""
    if description.startswith(_RECORDS_ALL) and (context.is_remote or not context.is_valid):
        return []
    if not context.is_valid:
        return [MAY_BE_SAMPLED_OUT] if _LEAVES_OUT.match(description) else []
    if span.is_recording() or (context.is_remote and context.trace_flags.sampled):
        return []
    return [NOT_RECORDING]


def of_totals(rollup: Rollup, *, has_cost: bool, has_tokens: bool) -> list[str]:
    """Return what is missing in totals, as far as it concerns a limit of cost or tokens."""
    found = []
    if has_cost and rollup.num_unpriced_events:
        found.append(UNPRICED)
    # a successful call without tokens is unpriced, too; one that failed has none and costs nothing
    if has_tokens and rollup.num_unpriced_events and rollup.num_winners < rollup.num_model_events:
        found.append(UNCOUNTED)
    return found


def warn(reasons: Iterable[str]) -> None:
    """Log reasons that were not logged in this process yet."""
    for reason in reasons:
        _warned.once(
            "budget",
            reason,
            "a budget may not see what is used: %s; Budget(strict=True) raises then",
            reason,
        )
