"""What is to be served, and what was."""

from __future__ import annotations

import dataclasses
import threading
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the next calls are answered."""

    cache_read: int = 0
    """Tokens of each prompt that come from a cache."""
    cache_write: int = 0
    """Tokens of each prompt that are written to a cache, those for an hour included."""
    cache_write_1h: int = 0
    """Tokens of each prompt that are written for an hour."""
    reasoning: int = 0
    """Tokens of each completion that are reasoning."""
    failures: int = 0
    """How many calls fail before the first succeeds."""
    status: int = 429
    """What failing calls get."""
    cut: bool = False
    """Whether the connection is lost in the middle of every stream."""


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "plain": Plan(),
        "cached": Plan(cache_read=60, cache_write=20),
        "cached_large": Plan(cache_read=15_200, cache_write=2_900),
        "split": Plan(cache_read=70, cache_write=50, cache_write_1h=30),
        "reasoning": Plan(cache_read=44, reasoning=35),
        "failure": Plan(failures=1),
        "cut": Plan(cut=True),
        "error": Plan(failures=1_000_000, status=400),
    }
)
"""The plans by name. The cached parts of ``cached`` are so small that no arithmetic shows whether the prompt includes them."""

_BUSY = 429
_OVERLOADED = 529
"""What Anthropic sends instead of 429 when it is busy."""


@dataclasses.dataclass
class Served:
    """One call: what was asked for and what the answer said it used."""

    number: int
    kind: str
    """``chat`` or ``embedding``."""
    provider: str
    """In the names of genai-prices."""
    model: str
    """As the answer names it."""
    stream: bool
    at: float
    """Unix seconds."""
    status: int = 200
    usage_sent: bool = True
    """Whether the answer said what it used; some streams do not."""
    cut: bool = False
    """Whether the connection was lost in the middle of the answer, before it said what it used."""
    uncached: int = 0
    """Tokens of the prompt that neither come from a cache nor go to one."""
    answer: int = 0
    """Tokens of the completion that are not reasoning."""
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    token: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    """Makes the ids of the answer unique."""

    @property
    def prompt(self) -> int:
        """All of the prompt."""
        return self.uncached + self.cache_read + self.cache_write

    @property
    def completion(self) -> int:
        """All of the completion."""
        return self.answer + self.reasoning

    @property
    def failed(self) -> bool:
        """Whether the call gets an error."""
        return self.status >= 400

    def row(self) -> dict[str, object]:
        """What is told about it."""
        told = self.usage_sent and not self.cut
        names = ("kind", "provider", "model", "status", "stream", "at", "prompt", "completion")
        parts = ("cache_read", "cache_write", "cache_write_1h", "reasoning")
        row = {name: getattr(self, name) for name in names + parts} | {"usage_sent": told}
        return {**row, "cut": True} if self.cut else row


@dataclasses.dataclass(frozen=True)
class Abilities:
    """Which parts of a plan a dialect can tell of; the others are not served."""

    cache_read: bool = True
    cache_write: bool = False
    reasoning: bool = True


class Ledger:
    """The plan in force and the calls served; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plan = Plan()
        self._failures = 0
        self._number = 0
        self._served: list[Served] = []

    def plan(self, name: str) -> None:
        """Serve by the plan of this name from now on."""
        with self._lock:
            self._plan = PLANS[name]
            self._failures = self._plan.failures

    @property
    def cuts(self) -> bool:
        """Whether streams are cut."""
        return self._plan.cut

    def take(self) -> list[dict[str, object]]:
        """What was served since the last time."""
        with self._lock:
            served, self._served = self._served, []
        return [call.row() for call in served]

    def chat(self, provider: str, model: str, *, stream: bool, abilities: Abilities) -> Served:
        """Enter the call of a model."""
        with self._lock:
            call = self._enter("chat", provider, model, stream=stream)
            call.cut = stream and self._plan.cut
            if not call.failed:
                call.uncached = 1009 + 37 * call.number
                call.answer = 211 + 13 * call.number
                call.reasoning = self._plan.reasoning * abilities.reasoning
                call.cache_read = self._plan.cache_read * abilities.cache_read
                call.cache_write = self._plan.cache_write * abilities.cache_write
                call.cache_write_1h = self._plan.cache_write_1h * abilities.cache_write
            return call

    def embedding(self, provider: str, model: str) -> Served:
        """Enter the call of an embedding model."""
        with self._lock:
            call = self._enter("embedding", provider, model, stream=False)
            if not call.failed:
                call.uncached = 307 + 37 * call.number
            return call

    def _enter(self, kind: str, provider: str, model: str, *, stream: bool) -> Served:
        self._number += 1
        call = Served(self._number, kind, provider, model, stream, time.time())
        if self._failures:
            self._failures -= 1
            overloaded = provider == "anthropic" and self._plan.status == _BUSY
            call.status = _OVERLOADED if overloaded else self._plan.status
            call.usage_sent = False
        self._served.append(call)
        return call
