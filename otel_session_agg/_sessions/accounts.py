"""What budgets over users, periods and other keys have to know: who has used how much, and when.

Each process adds what its own traces have used to its own part of an account; the parts of all processes are added up by whoever
asks.  Who uses it is what the innermost ``session()`` block of the trace says, else what is known of its session.  A trace tells
what is new before something of it ends in another hour, so each part of it is in the hour in which it ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from otel_session_agg._api.context import Label
from otel_session_agg._api.owners import values_of
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import HOUR_NS, SESSION, owner, scopes, values
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._recent import Recent
from otel_session_agg._sessions.session import Session
from otel_session_agg._trace.trace import Trace

_MAX_TRACES = 16_384
"""Traces whose hour and blocks are remembered; of those that are forgotten the session says whose they are."""

_MAX_WATCHED = 256
"""Accounts of which others' parts are read again and again: those that were used last."""

_FIGURES = (
    "num_events", "num_model_events", "num_unpriced_events", "num_computed", "num_recorded", "cost_pusd", "num_winners",
    "prompt_tokens", "completion_tokens", "total_tokens",
)  # fmt: skip
"""What budgets look at; texts and names are left out."""


class Account:
    """One account, as far as this process knows it."""

    __slots__ = ("name", "others", "own", "owner", "seq", "writer")

    def __init__(self, name: str, whose: str, writer: str) -> None:
        self.name = name
        self.owner = whose
        self.writer = writer
        """Its slot in the store.  An account that was forgotten and comes back gets another one."""
        self.own = Rollup()
        self.others = Rollup()
        """What other processes have, as far as it was read."""
        self.seq = 0

    @property
    def rollup(self) -> Rollup:
        """All that is known of it here."""
        return self.own + self.others


class _Part:
    """What is known of a trace."""

    __slots__ = ("hour", "labels")

    def __init__(self) -> None:
        self.hour: int | None = None
        """In which what it tells next has ended."""
        self.labels: dict[str, Label] = {}
        """By session."""


class Accounts:
    """The accounts of one processor; the caller holds a lock around all calls."""

    def __init__(self, process: str, max_accounts: int, guard: Guard, *, is_shared: bool) -> None:
        self._guard = guard
        self._process = process
        self._max_accounts = max_accounts
        self._is_shared = is_shared
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._traces: Recent[tuple[int, int | None], _Part] = Recent(_MAX_TRACES // 2)
        self._num_writers = 0
        self.news: dict[str, Account] = {}
        """Accounts with something new for the store; whoever writes it clears it."""
        self.changed: dict[str, Account] = {}
        """Accounts that may have used more than a budget by now; whoever looks clears it."""
        self.num_forgotten = 0
        """Accounts that were lost because there are too many."""

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def _part(self, trace: Trace) -> _Part:
        key = (trace.trace_id, trace.root_id)
        part = self._traces.get(key)
        if part is None:
            part = _Part()
            self._traces.put(key, part)
        return part

    def is_other(self, trace: Trace, hour: int | None = None, label: Label | None = None) -> bool:
        """Whether what ends from now on is of another hour or user than before: then the trace has to tell what is new first."""
        part = self._part(trace)
        if label is not None:
            return part.labels.get(label.session_id) is not label
        return part.hour != hour

    def goes_on(self, trace: Trace, hour: int | None = None, label: Label | None = None) -> None:
        """What ends from now on is in this hour, or in this block."""
        part = self._part(trace)
        if label is not None:
            part.labels[label.session_id] = label
        else:
            part.hour = hour

    def add(self, trace: Trace, session: Session, delta: Rollup) -> None:
        """A session got something of a trace."""
        part = self._part(trace)
        hour = part.hour if part.hour is not None else (delta.end_ns or 0) // HOUR_NS
        figures = Rollup(**{name: getattr(delta, name) for name in _FIGURES})
        if figures == _NOTHING:
            return
        whose = self._values(session, part.labels.get(session.session_id))
        for scope in scopes:
            if scope.per in whose:
                account = self.get(
                    scope.account(whose[scope.per], hour), owner(scope.per, whose[scope.per])
                )
                account.own += figures
                self.news[account.name] = self.changed[account.name] = account

    @staticmethod
    def _values(session: Session, label: Label | None) -> dict[str, object]:
        grown = session.grown
        whose = values_of(label) if label is not None else {}
        known = values(
            session.session_id,
            grown.user.value if grown.user is not None else None,
            {name: labelled.value for name, labelled in grown.metadata.items()}.get,
        )
        return {**known, **whose, SESSION: session.session_id}

    def get(self, name: str, whose: str) -> Account:
        """An account, new if it is not known."""
        account = self._accounts.get(name)
        if account is None:
            while len(self._accounts) >= self._max_accounts:
                self._accounts.popitem(last=False)
                if not self._is_shared:  # else it stands in the store
                    self.num_forgotten += 1
                    self._guard.once(
                        "budgets",
                        "forgotten",
                        "totals of budgets are lost: more than max_sessions users or keys",
                    )
            self._num_writers += 1
            account = self._accounts[name] = Account(
                name, whose, f"{self._process}.{self._num_writers}"
            )
        else:
            self._accounts.move_to_end(name)
        return account

    def heard(self, name: str, rollup: Rollup) -> None:
        """Other processes have so much."""
        account = self._accounts.get(name)
        if account is not None and account.others != rollup:
            account.others = rollup
            self.changed[name] = account

    def watched(self) -> dict[str, str]:
        """The accounts that were used last, with our own writer."""
        return {
            account.name: account.writer
            for account in islice(reversed(self._accounts.values()), _MAX_WATCHED)
        }


_NOTHING = Rollup()
