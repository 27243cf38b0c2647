"""What this process writes to a store that others share, and when; nothing happens when there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import reduce
from operator import add

from otel_session_agg._api.registry import are_several
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._sessions.accounts import Account, Accounts
from otel_session_agg._sessions.blocks import Blocks
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.claims import claim
from otel_session_agg._sessions.distributed_trace import writer_of
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.session import Session
from otel_session_agg._sharing.encoding import encode_part
from otel_session_agg._sharing.parts import Part
from otel_session_agg._sharing.remote_totals import Fetch
from otel_session_agg._sharing.session_slots import SESSION, account_slot, open_slot
from otel_session_agg._sharing.slots import ROOT, SlotWrite, inclusion, reassignment, trace_key
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace
from otel_session_agg.stores.base import Slot

PUBLISH_SECONDS = 1.0
"""How often a session is written while nothing of it leaves, so that little is lost when the process dies."""

HOT_SECONDS = 0.1
"""How often a session is written while its traces come one after the other; less than what others wait before they end one."""


class Publisher:
    """Writes sessions and parts of traces."""

    def __init__(  # noqa: PLR0913 -- what the keeper has
        self,
        store_worker: StoreWorker | None,
        engine: Engine,
        accounts: Accounts,
        process: str,
        store: Hashable,
        *,
        texts: bool,
    ) -> None:
        """``texts``: whether the last output of sessions and parts and the text of their last error are written, too."""
        self._accounts = accounts
        self._store_worker = store_worker
        self._process = process
        self._store = store
        """What the store is known by in this process; ``None``: there is none."""
        self.joins = False
        """Whether others of this process that have no store get to know what is told here."""
        self._engine = engine
        self._texts = texts
        self.blocks = Blocks()
        """Blocks that are entered in this process."""
        self._told: dict[str, int] = {}
        """How many blocks were told of, by session and owner, where there are any."""
        self._num_told = 0
        self._stale: dict[str, float] = {}
        """Sessions with open traces that said something since they were written, and since when."""
        self._watched: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._is_behind = False
        """Something is to be written that was not, because its session was written a moment ago."""

    def claim(self, trace: Trace) -> None:
        """A root began, or was seen for the first time."""
        if trace.root_id is None:
            return
        if self._store is not None:
            trace.has_other_publisher = not claim(
                self._store, trace.trace_id, trace.root_id, self._process
            )
        elif self.joins and are_several() and trace.reported is None:
            trace.is_double = not claim(None, trace.trace_id, trace.root_id, self._process)

    @property
    def is_shared(self) -> bool:
        """Whether there is a store that others share."""
        return self._store_worker is not None

    def next_deadline(self, now: float) -> float | None:
        """When something has to be written although nothing ends."""
        if self._is_behind:
            return now + HOT_SECONDS
        return now + PUBLISH_SECONDS if self._stale else None

    def heard(self) -> Iterable[object]:
        """What has come back."""
        return self._store_worker.take() if self._store_worker is not None else ()

    # -- traces -----------------------------------------------------------------------------------------------------------

    def part(
        self,
        trace: Trace,
        session_id: str | None,
        rollups: Mapping[str | None, Rollup],
        *,
        is_open: bool,
    ) -> None:
        """A root whose parent is in another process began, or has left."""
        if self._store_worker is not None and not trace.has_other_publisher:
            trace.num_published += 1
            own = _owned(rollups, session_id)
            part = Part(
                own,
                is_open,
                root=False,
                session_id=session_id,
                seq=trace.num_published,
                is_unsampled=not trace.is_sampled,
            )
            slot = Slot(
                trace_key(trace.trace_id),
                writer_of(trace),
                part.seq,
                encode_part(part, texts=self._texts),
            )
            self._store_worker.put(
                SlotWrite(slot, part_of=trace.trace_id if None in part.rollups else None)
            )

    def demoted(self, trace: Trace) -> None:
        """What was written of a root that is none, as its parent came, is no part that anybody has to wait for."""
        span_id, trace.demoted_id = trace.demoted_id, None
        if span_id is not None and self._store_worker is not None and trace.num_published:
            part = Part({}, is_open=False, root=False, session_id=None, seq=trace.num_published + 1)
            slot = Slot(trace_key(trace.trace_id), f"{span_id:016x}", part.seq, encode_part(part))
            self._store_worker.put(SlotWrite(slot))

    def root(
        self,
        trace: Trace,
        session_id: str | None,
        rollup: Rollup,
        carried: Mapping[str, int] | None = None,
        *,
        looks: bool,
    ) -> None:
        """A root that begins a trace has ended, or has changed later.

        ``rollup``: what its session has to get when nobody else gives it that.  ``carried``: parts that it carries, with the
        ``seq`` of each; ``None`` when it is too late for that.  ``looks``: whether to look for parts that it does not carry.
        """
        if self._store_worker is not None and not trace.has_other_publisher:
            trace.num_published += 1
            seq = trace.num_published
            included = (
                ()
                if carried is None
                else tuple(inclusion(*row) for row in {**carried, ROOT: seq}.items())
            )
            own: dict[str | None, Rollup] = {
                None: NOTHING if session_id is not None else rollup
            }  # a session has got it already
            part = Part(own, False, True, session_id, seq, included, not trace.is_sampled)  # noqa: FBT003 -- left; a root
            slot = Slot(trace_key(trace.trace_id), ROOT, seq, encode_part(part, texts=self._texts))
            self._store_worker.put(SlotWrite(slot, part_of=trace.trace_id if looks else None))

    def ask(self, trace: Trace, until: float) -> None:
        """Find out what others have of a trace."""
        if self._store_worker is not None:
            self._store_worker.ask(trace.trace_id, until)

    def reassign(self, session_id: str, trace: Trace, parts: Iterable[tuple[str, Part]]) -> None:
        """Parts that named no session are in that of the root."""
        for writer, part in parts:
            if (
                self._store_worker is not None
                and None in part.rollups
                and not trace.has_other_publisher
            ):
                self._store_worker.put(
                    SlotWrite(reassignment(session_id, trace.trace_id, writer, part))
                )

    # -- sessions ---------------------------------------------------------------------------------------------------------

    def turn(  # noqa: PLR0913 -- what the keeper knows
        self,
        lifecycle: SessionLifecycle,
        touched: set[str],
        watched: BudgetTable,
        refresh: Callable[[str], object],
        now: float,
        *,
        all_now: bool,
    ) -> None:
        """Write what is new; ``refresh`` lets a session know what its open traces have by now."""
        if self._store_worker is None:
            return
        stale, self._stale = self._stale, {}
        for session_id in stale.keys() | touched:
            session, since = lifecycle.get(session_id), stale.get(session_id, now)
            written = session.published_seconds if session is not None else since
            if session_id in watched or now - written >= PUBLISH_SECONDS:
                refresh(session_id)
            elif self._engine.traces_by_session.number(session_id):
                self._stale[session_id] = since
        ends, lifecycle.ends = lifecycle.ends, []
        self._write_news(
            lifecycle, now, {*watched, *(session_id for session_id, _ in ends)}, all_now=all_now
        )
        self._write_accounts()
        for name in [name for name in self.blocks.changed if name not in lifecycle.news]:
            self._tell_of_blocks(name)
        for session_id, reason in ends:
            self._store_worker.end(session_id, reason)
        sessions = {
            name: session.writer for name in watched if (session := lifecycle.get(name)) is not None
        }
        if (writers := (sessions, self._accounts.watched())) != self._watched:
            self._watched = writers
            self._store_worker.watch(*writers)

    def _write_news(
        self, lifecycle: SessionLifecycle, now: float, at_once: set[str], *, all_now: bool
    ) -> None:
        dropped, lifecycle.dropped = lifecycle.dropped, []
        for session in dropped:
            if (
                session.session_id in lifecycle.news or session.grown.num_open
            ):  # else it stands there already, and may be recorded
                self._write(session, now, 0)
        news, lifecycle.news = lifecycle.news, {}
        for session_id in news:
            known = lifecycle.get(session_id)
            if known is None:
                continue
            number = self._engine.traces_by_session.number(session_id)
            if all_now or session_id in at_once:
                self._write(known, now, number)
                continue
            if now >= _when_due(known, number, now):
                goes_on = not number and _may_go_on(known, now)
                self._write(known, now, 1 if goes_on else number)
                known.waits_since = now if goes_on else None
            if known.waits_since is not None:
                lifecycle.news[session_id] = None
        self._is_behind = bool(lifecycle.news)

    def _tell_of_blocks(self, name: str) -> None:
        """Write how many blocks of a session or an owner are entered; what they came to is to be written before."""
        number = self.blocks.number(name)
        self.blocks.changed.pop(name, None)
        if self._store_worker is not None and number != self._told.pop(name, 0):
            self._num_told += 1
            self._store_worker.put(
                SlotWrite(open_slot(name, self._process, self._num_told, number))
            )
        if number:
            self._told[name] = number

    def _write_accounts(self) -> None:
        news, self._accounts.news = self._accounts.news, {}
        if self._store_worker is None:
            return
        for account in news.values():
            account.seq += 1
            self._store_worker.put(
                SlotWrite(account_slot(account.name, account.writer, account.seq, account.own))
            )

    def at_once(self, lifecycle: SessionLifecycle, names: Iterable[str], now: float) -> None:
        """Write what is new of sessions and accounts, and which of their blocks are entered."""
        self._write_accounts()
        for name in (*names, *self.blocks.changed):
            session = lifecycle.get(name)
            if session is not None and name in lifecycle.news:
                del lifecycle.news[name]
                self._write(session, now, self._engine.traces_by_session.number(name))
            self._tell_of_blocks(name)

    def fetch(
        self, what: Session | Account, siblings: frozenset[str], until: float, *, is_inside: bool
    ) -> None:
        """Wait for what others have of a session or an account.

        ``is_inside``: in a block of it; others that ask in blocks of theirs have told of these.
        """
        if self._store_worker is not None:
            ours = siblings | {self._process}
            if isinstance(what, Session):
                fetch = Fetch(until, what.session_id, what.writer, ours, is_patient=not is_inside)
            else:
                fetch = Fetch(
                    until, what.name, what.writer, ours, owner=what.owner, is_patient=not is_inside
                )
            self._store_worker.fetch(fetch)

    def confirm(self, until: float) -> None:
        """Wait until what was put is written."""
        if self._store_worker is not None:
            self._store_worker.fetch(Fetch(until))

    def _write(self, session: Session, now: float, num_open: int) -> None:
        if self._store_worker is not None:
            session.seq += 1
            session.published_seconds, session.waits_since = now, None
            session.grown.set_open(num_open)
            value = session.words.encode(session.grown, texts=self._texts)
            slot = Slot(SESSION + session.session_id, session.writer, session.seq, value)
            self._store_worker.put(SlotWrite(slot))


def _owned(
    rollups: Mapping[str | None, Rollup], session_id: str | None
) -> dict[str | None, Rollup]:
    """All of it under one name, however many sessions there are: each of those has its own already."""
    return {session_id: reduce(add, rollups.values())} if rollups else {}


def _when_due(session: Session, number: int, now: float) -> float:
    """When a session with something new is to be written, of which so many roots are open.

    Others know of a session that something of it is open before more can happen in it, so that they see it when this process is killed.
    That nothing is, is said when nothing has happened for a moment.
    """
    if not session.grown.num_open:
        return now
    session.waits_since = now if session.waits_since is None else session.waits_since
    again = session.published_seconds + HOT_SECONDS
    return again if number else max(again, session.waits_since + HOT_SECONDS)


def _may_go_on(session: Session, now: float) -> bool:
    """Whether traces of a session come one after the other, so that more may have begun already."""
    is_hot = session.grown.num_open or now - session.published_seconds < HOT_SECONDS
    return bool(is_hot) and now - session.active_seconds < HOT_SECONDS
