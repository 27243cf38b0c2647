"""Decode the slots of a store; those that cannot be read are left out, counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.decoding import MalformedError, decode, decode_recorded
from otel_session_agg._sharing.keys import RECORD, RESERVED_WRITERS
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg.stores.base import LeftOut, SessionStore, Stored

T = TypeVar("T")


class SlotReader:
    """Decodes the slots of one store.

    Args:
        store: The store, which may leave out entries itself.
        counts: Where ``malformed`` slots, which are left out, are counted.

    """

    def __init__(self, store: SessionStore, counts: Counter[str]) -> None:
        self._in_store: LeftOut | None = getattr(store, "left_out", None)
        self._counts = counts
        self._left_out = LeftOut()

    def leave_out(self, key: str, writer: str) -> None:
        """Count a slot that cannot be read, and remember its name."""
        self._counts["malformed"] += 1
        self._left_out.note(f"{key}: {writer}")

    def left_out(self) -> list[str]:
        """Return names of slots that could not be read since the last call.

        Those that the store itself left out are counted by this call.
        """
        _, names = self._left_out.take()
        if self._in_store is not None:
            number, more = self._in_store.take()
            self._counts["malformed"] += number
            names += more
        return names

    def decoded(
        self, decode: Callable[[bytes], T], key: str, writer: str, value: bytes
    ) -> T | None:
        """Return what a slot has, if it can be read."""
        try:
            return decode(value)
        except MalformedError:
            self.leave_out(key, writer)
            return None

    def totals(self, key: str, stored: Stored) -> dict[str, SessionTotals]:
        """Return the totals below a key by writer."""
        found = {
            writer: self.decoded(decode, key, writer, value)
            for writer, value in stored.slots.items()
            if writer not in RESERVED_WRITERS
        }
        return {writer: totals for writer, totals in found.items() if totals is not None}

    def recorded(self, key: str, stored: Stored) -> Recorded | None:
        """Return what the last record of a session was made from; ``None``: there is none."""
        value = stored.slots.get(RECORD)
        return None if value is None else self.decoded(decode_recorded, key, RECORD, value)
