"""Totals by user, period and other keys, which budgets over these are compared with.

Rules
-----
* An *account* is what one owner (a user, or a value of another key) has used in one period.
* Each process adds what its own traces have used to its own slot of an account; a reader adds up
  the slots of all processes.
* The owner is the one that the innermost ``session()`` block of the trace names, else the one
  that is known for its session.
* A trace is reported before something of it ends in another hour, so each part of its totals is
  in the hour in which it ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from otel_session_agg._api.context import Label
from otel_session_agg._api.owners import values_of
from otel_session_agg._collections.recent import Recent
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import HOUR_NS, SESSION, scopes, values
from otel_session_agg._model.budget_scopes import owner as owner_of
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._sessions.session import Session
from otel_session_agg._trace.trace import Trace

_MAX_TRACES = 16_384
"""Traces whose hour and blocks are remembered; the owner of a forgotten one is its session's."""

_MAX_WATCHED = 256
"""Accounts whose slots of other processes are read again and again: those that were used last."""

_FIGURES = (
    "num_events", "num_model_events", "num_unpriced_events", "num_computed", "num_recorded",
    "cost_pusd", "num_winners", "prompt_tokens", "completion_tokens", "total_tokens",
)  # fmt: skip
"""The fields that budgets are compared with; texts and names are left out."""


class Account:
    """One account, as far as this process knows it."""

    __slots__ = ("name", "own", "owner", "remote", "seq", "writer")

    def __init__(self, name: str, owner: str, writer: str) -> None:
        self.name = name
        self.owner = owner
        self.writer = writer
        """Its slot in the store.  An account that was forgotten and comes back gets another one."""
        self.own = Rollup()
        """What the traces of this processor have used."""
        self.remote = Rollup()
        """What other processes have used, as last read from the store."""
        self.seq = 0
        """Sequence number of the last write of the slot."""

    @property
    def rollup(self) -> Rollup:
        """The totals over all processes, as far as they are known here."""
        return self.own + self.remote


class _Place:
    """The hour and the blocks that what is new in a trace belongs to."""

    __slots__ = ("hour", "labels")

    def __init__(self) -> None:
        self.hour: int | None = None
        """The hour in which what is reported next has ended."""
        self.labels: dict[str, Label] = {}
        """The innermost block by session."""


class Accounts:
    """The accounts of one processor; the caller holds a lock around all calls."""

    def __init__(self, process: str, max_accounts: int, guard: Guard, *, is_shared: bool) -> None:
        self._guard = guard
        self._process = process
        self._max_accounts = max_accounts
        self._is_shared = is_shared
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._traces: Recent[tuple[int, int | None], _Place] = Recent(_MAX_TRACES // 2)
        self._num_writers = 0
        self.unwritten: dict[str, Account] = {}
        """Accounts with something new for the store; `SessionPublisher` takes them."""
        self.changed: dict[str, Account] = {}
        """Accounts that may have used more than a budget by now; `KnownSessions` takes them."""
        self.num_forgotten = 0
        """Accounts that were lost because there are too many."""

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def _place(self, trace: Trace) -> _Place:
        key = (trace.trace_id, trace.root_id)
        place = self._traces.get(key)
        if place is None:
            place = _Place()
            self._traces.put(key, place)
        return place

    def is_other(self, trace: Trace, hour: int | None = None, label: Label | None = None) -> bool:
        """Return whether what ends from now on belongs to another hour or block than before.

        Then the trace has to be reported first, and `switch` called.
        """
        place = self._place(trace)
        if label is not None:
            return place.labels.get(label.session_id) is not label
        return place.hour != hour

    def switch(self, trace: Trace, hour: int | None = None, label: Label | None = None) -> None:
        """Add what ends from now on in a trace to another hour, or another block."""
        place = self._place(trace)
        if label is not None:
            place.labels[label.session_id] = label
        else:
            place.hour = hour

    def add(self, trace: Trace, session: Session, delta: Rollup) -> None:
        """Add to accounts what a session got of a trace."""
        place = self._place(trace)
        hour = place.hour if place.hour is not None else (delta.end_ns or 0) // HOUR_NS
        figures = Rollup(**{name: getattr(delta, name) for name in _FIGURES})
        if figures == NOTHING:
            return
        known = self._values(session, place.labels.get(session.session_id))
        for scope in scopes:
            if scope.per in known:
                value = known[scope.per]
                account = self.get(scope.account(value, hour), owner_of(scope.per, value))
                account.own += figures
                self.unwritten[account.name] = self.changed[account.name] = account

    @staticmethod
    def _values(session: Session, label: Label | None) -> dict[str, object]:
        grown = session.grown
        of_block = values_of(label) if label is not None else {}
        of_session = values(
            session.session_id,
            grown.user.value if grown.user is not None else None,
            {name: labelled.value for name, labelled in grown.metadata.items()}.get,
        )
        return {**of_session, **of_block, SESSION: session.session_id}

    def get(self, name: str, owner: str) -> Account:
        """Return an account, new if it is not known."""
        account = self._accounts.get(name)
        if account is None:
            while len(self._accounts) >= self._max_accounts:
                self._accounts.popitem(last=False)
                if not self._is_shared:  # else it is in the store
                    self.num_forgotten += 1
                    self._guard.once(
                        "budgets",
                        "forgotten",
                        "totals of budgets are lost: more than max_sessions users or keys",
                    )
            self._num_writers += 1
            writer = f"{self._process}.{self._num_writers}"
            account = self._accounts[name] = Account(name, owner, writer)
        else:
            self._accounts.move_to_end(name)
        return account

    def set_remote(self, name: str, rollup: Rollup) -> None:
        """Set what other processes have used of an account."""
        account = self._accounts.get(name)
        if account is not None and account.remote != rollup:
            account.remote = rollup
            self.changed[name] = account

    def watched(self) -> dict[str, str]:
        """Return our own writer of each of the accounts that were used last."""
        return {
            account.name: account.writer
            for account in islice(reversed(self._accounts.values()), _MAX_WATCHED)
        }
