"""The sessions behind the roots: what is told to them, what comes from other processes, and what follows.

The caller holds a lock around all calls.  What has to be done outside of it is left in ``departures.ready`` (roots that may leave),
``ledger.records`` and ``limits.calls`` (the application's callbacks).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from otel_session_agg._api.context import Label
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import HOUR_NS, scopes
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.span import SpanData
from otel_session_agg._recent import Recent
from otel_session_agg._sessions.accounts import Account, Accounts
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.publisher import Publisher
from otel_session_agg._sessions.released_root import session_of
from otel_session_agg._sessions.root_release import RootRelease
from otel_session_agg._sessions.session import Session
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.session_slots import RemoteTotals, Spent
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.attribution import Text
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace

_MAX_LABELS = 2048
"""Blocks that are remembered; one that is forgotten is told of again."""


class SessionManager:
    """What one processor knows of sessions."""

    def __init__(  # noqa: PLR0913 -- what the pipeline has
        self,
        settings: Settings,
        engine: Engine,
        text: Text,
        process: str,
        store_worker: StoreWorker | None,
        guard: Guard,
        store: Hashable = None,
        settles_seconds: float = 0.0,
    ) -> None:
        """``settles_seconds``: how long spans that have ended may still be on their way here."""
        self._engine = engine
        self._idle_seconds = settings.session_idle_seconds
        self.accounts = Accounts(
            process, settings.max_sessions, guard, is_shared=store_worker is not None
        )
        self._publisher = Publisher(
            store_worker,
            engine,
            self.accounts,
            process,
            store,
            texts=settings.outputs and settings.store_outputs,
        )
        self.lifecycle = SessionLifecycle(
            settings,
            process,
            is_shared=bool(store_worker),
            num_open=engine.traces_by_session.number,
            refresh=self.totals,
        )
        self.limits = BudgetTable()
        self.root_release = RootRelease(
            engine,
            text,
            self._publisher,
            self.lifecycle,
            self.limits,
            settings.linger_seconds,
            guard,
        )
        self.unmerged: list[SessionRecord] = []
        """Records that others of this process may have a share of, and that were not written."""
        self._labels: Recent[Label, bool] = Recent(_MAX_LABELS // 2)
        """Blocks that the ledger knows of."""
        self._settles_seconds = settles_seconds
        self._later: OrderedDict[str, tuple[float, str]] = OrderedDict()
        """Sessions that are to end when what is on its way has come: when that is, and why they end; the first to end first."""

    # -- beginnings -------------------------------------------------------------------------------------------------------

    def began(
        self, trace: Trace | None, span_id: int, start_ns: int, label: Label, now: float
    ) -> None:
        """A span began inside a ``session()`` block."""
        if trace is not None and trace.has_other_publisher:
            self.lifecycle.seen(label.session_id, now)
            self.limits.bind(label)
            return
        if trace is not None:
            if trace.attribution.first is None:
                trace.attribution.note(start_ns, span_id, label.session_id, is_weak=False)
            self._engine.traces_by_session.add(label.session_id, trace)
            if scopes and self.accounts.is_other(trace, label=label):
                self._tell(trace, now)
                self.accounts.goes_on(trace, label=label)
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            self.lifecycle.label(label.session_id, now, start_ns, label.user_id, label.metadata)
            self.limits.bind(label)
        elif trace is not None and trace.root_id == span_id:
            self.lifecycle.root_began(label.session_id, now, start_ns)

    def told(self, item: Block | tuple[None, Label], at_ns: int, now: float) -> None:
        """A ``session()`` block is entered or left, or a span began in it that is not seen."""
        if isinstance(item, Block):
            self._publisher.blocks.told(item)
        else:
            self.began(None, 0, at_ns, item[1], now)

    def ends(self, span: SpanData, now: float) -> None:
        """A span is about to be folded: what its trace has until then is of the hour before, if it ends in another one."""
        trace, hour = self._engine.below(span.trace_id, span.span_id), span.end_ns // HOUR_NS
        if trace is not None and self.accounts.is_other(trace, hour):
            self._tell(trace, now)
            self.accounts.goes_on(trace, hour)

    def _tell(self, trace: Trace, now: float) -> None:
        self.root_release.tell(trace, now)
        self._settle()

    def _settle(self) -> None:
        """Accounts get what sessions got."""
        deltas, self.lifecycle.deltas = self.lifecycle.deltas, []
        for trace, session, delta in deltas:
            self.accounts.add(trace, session, delta)

    # -- asked for --------------------------------------------------------------------------------------------------------

    def totals(self, session_id: str, now: float) -> Rollup | None:
        """What is known of a session at this moment."""
        for trace in self._engine.traces_by_session.of(session_id):
            self.root_release.tell(trace, now)
        session = self.lifecycle.get(session_id)
        return session.totals.rollup if session is not None else None

    def _look(self, session_id: str, now: float) -> None:
        """Whether a session has used more than a budget by now."""
        if self.limits.look_at(session_id, self.totals(session_id, now)):
            self.lifecycle.budget_exceeded(session_id)

    def joins(self) -> None:
        """What is told here is shared with others of this process, without a store."""
        self._publisher.joins = True

    def number_open(self, session_id: str) -> int:
        """Traces of a session that have not come to their end."""
        return self._engine.traces_by_session.number(session_id)

    def goes_on_with(self, session: Session, now: float) -> bool:
        """Whether a session is not idle."""
        return now - session.active_seconds < self._idle_seconds or bool(
            self.number_open(session.session_id)
        )

    def asks(
        self, session_id: str, labels: Iterable[Label], siblings: frozenset[str], now: float
    ) -> Callable[[float], None] | None:
        """Ask what other processes have of a session.

        Args:
            session_id: The session.
            labels: The blocks of it around the call; nobody waits for these meanwhile.
            siblings: Names of the other processors of this process, which are not waited for.
            now: Monotonic seconds.

        Returns:
            What waits for the answer until a time; ``None``: there are no others.

        """
        if not self._publisher.is_shared:
            return None
        return self._asks(self.lifecycle.seen(session_id, now), tuple(labels), siblings, now)

    def asks_account(
        self, name: str, whose: str, labels: Iterable[Label], siblings: frozenset[str], now: float
    ) -> Callable[[float], None] | None:
        """The same for an account; ``labels``: the blocks around the call that are of its owner."""
        if not self._publisher.is_shared:
            return None
        return self._asks(self.accounts.get(name, whose), tuple(labels), siblings, now)

    def _asks(
        self,
        what: Session | Account,
        inside: tuple[Label, ...],
        siblings: frozenset[str],
        now: float,
    ) -> Callable[[float], None]:
        self._publisher.blocks.asks(inside)
        self._publisher.at_once(self.lifecycle, [label.session_id for label in inside], now)
        return partial(self._publisher.fetch, what, siblings, is_inside=bool(inside))

    def goes_on(self, labels: Iterable[Label], now: float) -> Callable[[float], None]:
        """Tell others that blocks which have asked go on; returns what waits until they can know it."""
        self._publisher.blocks.goes_on(labels)
        self._publisher.at_once(self.lifecycle, (), now)
        return self._publisher.confirm

    def end(self, session_id: str, reason: str, now: float) -> None:
        """A session is to end."""
        if self._settles_seconds:
            self._later.pop(session_id, None)
            self._later[session_id] = (now + self._settles_seconds, reason)
        else:
            self._end(session_id, reason, now)

    def _end(self, session_id: str, reason: str, now: float) -> None:
        self.lifecycle.end(session_id, reason, now)
        self._engine.traces_by_session.waits_for(session_id)

    def feedback(self, session_id: str | None, above: tuple[int, int] | None, now: float) -> None:
        """Somebody gave feedback, for a session or for the trace in which a span is: its trace and span id."""
        trace = self._engine.below(*above) if above is not None else None
        if trace is not None:
            trace.feedback()
            if trace.has_left:
                self.root_release.changed(trace, now)
            session_id = session_id or session_of(trace)
        if session_id is not None:
            self.lifecycle.feedback(session_id, now)

    # -- turns ------------------------------------------------------------------------------------------------------------

    def next_deadline(self, now: float) -> float | None:
        """When ``turn`` has something to do although nothing ends."""
        settling = next((when for when, _ in self._later.values()), None)
        times = [
            self.root_release.next_deadline(),
            self.lifecycle.next_deadline(),
            self._publisher.next_deadline(now),
            settling,
        ]
        return min((time for time in times if time is not None), default=None)

    def turn(self, now: float, *, all_now: bool = False) -> None:
        """Do what follows from what has ended, from time, and from what others say; ``all_now``: nothing waits to be written."""
        for word in self._publisher.heard():
            self._heard(word, now)
        self.root_release.due(now)
        touched, self._engine.traces_by_session.touched = (
            self._engine.traces_by_session.touched,
            set(),
        )
        if scopes:
            self.look_at_accounts(touched, now)
        for session_id in [name for name in touched if name in self.limits]:
            self._look(session_id, now)
        while self._later and (all_now or next(iter(self._later.values()))[0] <= now):
            session_id, (_, reason) = self._later.popitem(last=False)
            self._end(session_id, reason, now)
        for session_id in self._engine.traces_by_session.take_ended():
            self.lifecycle.settled(session_id)
        self.lifecycle.due(now)
        for session in self.lifecycle.dropped:
            self.limits.forget(session.session_id)
        self._publisher.turn(
            self.lifecycle,
            touched,
            self.limits,
            lambda name: self.totals(name, now),
            now,
            all_now=all_now,
        )
        for record in self.lifecycle.records:
            self.limits.forget(record.session_id)

    def look_at_accounts(self, touched: Iterable[str], now: float) -> None:
        """Whether an account has used more than a budget by now."""
        for session_id in touched:
            self.totals(session_id, now)
        self._settle()
        changed, self.accounts.changed = self.accounts.changed, {}
        for account in changed.values():
            self.limits.look_at_account(account)
        ready = self.root_release.ready  # what they came to is in the accounts only now
        self.root_release.ready = [
            row._replace(is_exceeded=self.root_release.is_exceeded(row.trace)) for row in ready
        ]

    def shutdown(self, now: float, *, with_open: bool = True) -> None:
        """Sessions end with the process, with what their open traces have by now; unless ``with_open``, only those without any."""
        for session_id in self._engine.traces_by_session.names():
            self.totals(session_id, now)
        if with_open:
            self._publisher.blocks.clear()
        self.lifecycle.shutdown(with_open=with_open)

    def _heard(self, word: object, now: float) -> None:
        if isinstance(word, SessionRecord):
            self.lifecycle.records.append(word)
        elif isinstance(word, RemoteTotals):
            session = self.lifecycle.get(word.session_id)
            if session is not None:
                session.others = word.totals
                self._look(word.session_id, now)
        elif isinstance(word, Spent):
            self.accounts.heard(word.account, word.rollup)
        elif isinstance(word, tuple):
            self.root_release.answered(word[0], word[1], now)
