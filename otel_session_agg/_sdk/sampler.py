"""Totals before sampling: a sampler that has spans recorded, and so counted, but not exported.

The SDK has three decisions.  A span that is *dropped* reaches no processor.  One that is only
*recorded* goes to processors, but by its context it is not sampled: ``BatchSpanProcessor`` and
``SimpleSpanProcessor`` do not export it, and services that are called from it decide as for one
that was dropped.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler, SamplingResult

from otel_session_agg._exceptions import SettingsError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

__all__ = ["RecordUnsampled"]

NAME = "session_agg_record_unsampled"
"""Its name in ``OTEL_TRACES_SAMPLER``."""
_GROUP = "opentelemetry_traces_sampler"
_ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"
_BY_SHARE = "parentbased_traceidratio"
_RATIOS = frozenset({_BY_SHARE, "traceidratio"})
"""Samplers whose argument is a share of traces, which the SDK hands to them as a number."""
_ALLOWED = (
    "a share from 0 to 1,"
    f" or a sampler with its argument such as {_BY_SHARE}:0.1 or parentbased_always_on"
)


class RecordUnsampled(Sampler):
    """Decides as another sampler, but has spans recorded that it drops: counted, not exported.

    Args:
        sampler: The one that decides.  Default: the SDK's own, which follows the parent and samples
            every trace that begins here.

    Raises:
        TypeError: ``sampler`` is no sampler.

    """

    def __init__(self, sampler: Sampler = DEFAULT_ON) -> None:
        if not isinstance(sampler, Sampler):
            message = (
                "sampler must be a Sampler such as ParentBased(TraceIdRatioBased(0.1)),"
                f" not {sampler!r:.100}"
            )
            raise TypeError(message)
        self._sampler = sampler

    def should_sample(  # noqa: PLR0913 -- of the interface
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return the decision of the other sampler, with ``RECORD_ONLY`` in the place of ``DROP``.

        A span that is only recorded keeps its attributes, which samplers leave out when they drop.
        """
        result = self._sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if result.decision is not Decision.DROP:
            return result
        kept = dict(attributes or {})
        kept.update(result.attributes or {})
        return SamplingResult(Decision.RECORD_ONLY, kept, result.trace_state)

    def get_description(self) -> str:
        """Return its name with that of the sampler that decides."""
        return f"RecordUnsampled{{{self._sampler.get_description()}}}"


def record_unsampled(argument: object = None) -> RecordUnsampled:
    """Return the sampler that the environment configures.

    Args:
        argument: A share of all traces that begin here (``0.1``), or the name of a sampler and its
            argument (``parentbased_traceidratio:0.1``).  Default: ``OTEL_TRACES_SAMPLER_ARG``; when
            that is not set, every trace is sampled.

    Raises:
        SettingsError: it is neither.

    """
    text = str(os.environ.get(_ARGUMENT, "") if argument is None else argument).strip()
    name, colon, inner = text.partition(":")
    if not colon and _share(name) is not None:
        name, inner = _BY_SHARE, name
    if not name:
        return RecordUnsampled()
    return RecordUnsampled(_named(name.strip().lower(), inner.strip(), text))


def _named(name: str, argument: str, text: str) -> Sampler:
    found = next(iter(entry_points(group=_GROUP, name=name)), None) if name != NAME else None
    share = _share(argument)
    if found is None or (name in _RATIOS and share is None):
        message = f"{_ARGUMENT}={text!r:.200} is not allowed: use {_ALLOWED}"
        raise SettingsError(message)
    sampler: Sampler = found.load()(share if name in _RATIOS else argument or None)
    return sampler


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
