"""The rules by which a report of a call does not count, or not all of it: see ``resolve``."""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """Why a report does not count, or not all of it."""

    SUM = "sum"
    """Spans below report the calls that its figures are of."""
    WEAK = "weak"
    """Its figures repeat those of a call above, which are more reliable."""
    LAYER = "layer"
    """The span below, or above, reports the same call."""
    ATTEMPT = "attempt"
    """It failed inside a call that succeeded."""
    EVENT = "event"
    """It states no figures, and spans below report the calls that it made."""
    INCLUDED = "included"
    """It states no figures, and those of a call above are its own, too."""
    MISPLACED = "misplaced"
    """Its figures are those of a call below it."""
    RESPONSE = "response"
    """Another report has the same response id."""
    BESIDE = "beside"
    """Another scope reports the same call at the same time."""
    RUN = "run"
    """It is an agent's run, and another scope reports a call that the run made."""
    TRACE = "trace"
    """Another trace reports the same call, and it counts there."""

    # members are singletons: spares hashing the name on every set lookup
    __hash__ = object.__hash__


MERGED = frozenset({Rule.LAYER, Rule.MISPLACED, Rule.RESPONSE, Rule.BESIDE})
"""Rules by which two reports are of one call; by the others, they are of different calls."""
