"""Write sessions, accounts and entered blocks to a shared store, and read other processes'.

Rules
-----
* A session is written before more can happen in it when something begins in it, so that other
  processes see that something of it is open, also when this process is killed.
* While its traces follow each other it is written every ``HOT_SECONDS``; while nothing of it
  leaves, every ``PUBLISH_SECONDS``.
* That nothing is open is written when nothing has happened for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_session_agg._collections.deadlines import Deadline, Deadlines, Phase, PhaseDeadlines
from otel_session_agg._sessions.accounts import Account, Accounts
from otel_session_agg._sessions.blocks import Block, Blocks
from otel_session_agg._sessions.known_sessions import KnownSessions
from otel_session_agg._sessions.session import Session
from otel_session_agg._sharing.encoding import SessionTotalsEncoder
from otel_session_agg._sharing.keys import SESSION, SlotWrite, account_slot, open_slot
from otel_session_agg._sharing.remote_totals import Fetch
from otel_session_agg._sharing.store_queue import Received
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg.stores.base import Slot

PUBLISH_SECONDS = 1.0
"""How often a session is written while nothing of it leaves.

So little is lost when the process dies.
"""

HOT_SECONDS = 0.1
"""How often a session is written while its traces come one after the other.

Less than what other processes wait before they end one.
"""


class SessionPublisher:
    """Writes the sessions of one processor.

    The caller holds a lock around all calls except `fetch` and `confirm`, which wait.

    Args:
        store_worker: The thread that writes.
        process: The name of this processor in the store.
        deadlines: Those of the pipeline.
        texts: Whether the last output and the text of the last error of sessions are written, too.

    """

    def __init__(
        self, store_worker: StoreWorker, process: str, deadlines: Deadlines, *, texts: bool
    ) -> None:
        self._store_worker = store_worker
        self._process = process
        self._texts = texts
        self.blocks = Blocks()
        """Blocks that are entered in this process."""
        self._written_blocks: dict[str, int] = {}
        """The number of blocks as last written, by session or owner, where it is not 0."""
        self._num_block_writes = 0
        self._stale: dict[str, float] = {}
        """Sessions with open traces that have something new, and since when it is not written."""
        self._watched: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._deadlines: PhaseDeadlines[float] = deadlines.of(Phase.PUBLISHING)
        self._again: Deadline[float] | None = None
        """When to look again what is to be written."""

    def receive(self, *, is_due: bool) -> Iterable[Received]:
        """Take what has come from the store."""
        if is_due:
            self._deadlines.take()
        return self._store_worker.take()

    def put(self, writes: Sequence[SlotWrite]) -> None:
        """Write what other processes get of traces."""
        for write in writes:
            self._store_worker.put(write)

    def ask(self, trace_id: int, until: float) -> None:
        """Read what other processes have of a trace."""
        self._store_worker.ask(trace_id, until)

    def update_block(self, block: Block) -> None:
        """Count a block as entered or left."""
        self.blocks.update(block)

    def leave_blocks(self) -> None:
        """Leave all blocks."""
        self.blocks.clear()

    def outdated(self, known: KnownSessions, touched: set[str], now: float) -> Sequence[str]:
        """Return sessions that were not written for long enough, or have a budget."""
        found: list[str] = []
        stale, self._stale = self._stale, {}
        for session_id in stale.keys() | touched:
            session, since = known.lifecycle.get(session_id), stale.get(session_id, now)
            written = session.published_seconds if session is not None else since
            if session_id in known.budgets or now - written >= PUBLISH_SECONDS:
                found.append(session_id)
            elif known.traces.number(session_id):
                self._stale[session_id] = since
        return found

    def publish(self, known: KnownSessions, now: float, *, all_now: bool) -> None:
        """Write sessions, accounts and blocks, and end sessions; watch those with budgets."""
        lifecycle, endings = known.lifecycle, known.endings
        ends, endings.ends = endings.ends, []
        at_once = {*known.budgets, *[session_id for session_id, _ in ends]}
        self._write_changed(known, now, at_once, all_now=all_now)
        self._write_accounts(known.accounts)
        for name in [name for name in self.blocks.changed if name not in lifecycle.unwritten]:
            self._write_blocks(name)
        for session_id, reason in ends:
            self._store_worker.end(session_id, reason)
        sessions = {
            name: session.writer
            for name in known.budgets
            if (session := lifecycle.get(name)) is not None
        }
        if (writers := (sessions, known.accounts.watched())) != self._watched:
            self._watched = writers
            self._store_worker.watch(*writers)
        if self._again is not None:
            self._again.cancel()
        self._again = None
        if lifecycle.unwritten or self._stale:
            # written a moment before, or nothing of it has left
            when = now + (HOT_SECONDS if lifecycle.unwritten else PUBLISH_SECONDS)
            self._again = self._deadlines.add(when, when)

    def _write_changed(
        self, known: KnownSessions, now: float, at_once: set[str], *, all_now: bool
    ) -> None:
        lifecycle = known.lifecycle
        forgotten, lifecycle.forgotten = lifecycle.forgotten, []
        for session in forgotten:
            # else it is in the store already, and may be recorded
            if session.session_id in lifecycle.unwritten or session.grown.num_open:
                self._write(session, now, 0)
        unwritten, lifecycle.unwritten = lifecycle.unwritten, {}
        for session_id in unwritten:
            one = lifecycle.get(session_id)
            if one is None:
                continue
            number = known.traces.number(session_id)
            if all_now or session_id in at_once:
                self._write(one, now, number)
                continue
            if now >= _when_due(one, number, now):
                goes_on = not number and _may_go_on(one, now)
                self._write(one, now, 1 if goes_on else number)
                one.unwritten_since = now if goes_on else None
            if one.unwritten_since is not None:
                lifecycle.unwritten[session_id] = None

    def _write_blocks(self, name: str) -> None:
        """Write how many blocks of a session or an owner are entered.

        What happened in them has to be written before.
        """
        number = self.blocks.number(name)
        self.blocks.changed.pop(name, None)
        if number != self._written_blocks.pop(name, 0):
            self._num_block_writes += 1
            slot = open_slot(name, self._process, self._num_block_writes, number)
            self._store_worker.put(SlotWrite(slot))
        if number:
            self._written_blocks[name] = number

    def _write_accounts(self, accounts: Accounts) -> None:
        unwritten, accounts.unwritten = accounts.unwritten, {}
        for account in unwritten.values():
            account.seq += 1
            slot = account_slot(account.name, account.writer, account.seq, account.own)
            self._store_worker.put(SlotWrite(slot))

    def write_now(self, known: KnownSessions, names: Iterable[str], now: float) -> None:
        """Write what is new of sessions and of all accounts, and their entered blocks."""
        lifecycle = known.lifecycle
        self._write_accounts(known.accounts)
        for name in (*names, *self.blocks.changed):
            session = lifecycle.get(name)
            if session is not None and name in lifecycle.unwritten:
                del lifecycle.unwritten[name]
                self._write(session, now, known.traces.number(name))
            self._write_blocks(name)

    def fetch(
        self, what: Session | Account, siblings: frozenset[str], until: float, *, is_inside: bool
    ) -> None:
        """Wait for what other processes have of a session or an account.

        Runs outside of all locks.

        Args:
            what: The session or the account.
            siblings: Names of the other processors of this process, which are not waited for.
            until: When to stop waiting, monotonic seconds.
            is_inside: Whether the caller is in a block of it: then blocks of other processes that
                fetch, too, are in the store already.

        """
        own = siblings | {self._process}
        owner = what.owner if isinstance(what, Account) else None
        name = what.name if isinstance(what, Account) else what.session_id
        self._store_worker.fetch(
            Fetch(until, name, what.writer, own, owner=owner, is_patient=not is_inside)
        )

    def confirm(self, until: float) -> None:
        """Wait until what was put is written; runs outside of all locks."""
        self._store_worker.fetch(Fetch(until))

    def _write(self, session: Session, now: float, num_open: int) -> None:
        session.seq += 1
        session.published_seconds, session.unwritten_since = now, None
        session.grown.set_open(num_open)
        encoder = session.encoder = session.encoder or SessionTotalsEncoder()
        value = encoder.encode(session.grown, texts=self._texts)
        slot = Slot(SESSION + session.session_id, session.writer, session.seq, value)
        self._store_worker.put(SlotWrite(slot))


def _when_due(session: Session, number: int, now: float) -> float:
    """Return when a session with something new is to be written; ``number``: its open roots."""
    if not session.grown.num_open:
        return now
    session.unwritten_since = now if session.unwritten_since is None else session.unwritten_since
    again = session.published_seconds + HOT_SECONDS
    return again if number else max(again, session.unwritten_since + HOT_SECONDS)


def _may_go_on(session: Session, now: float) -> bool:
    """Return whether traces of a session come one after the other.

    Then the next one may have begun already.
    """
    is_hot = session.grown.num_open or now - session.published_seconds < HOT_SECONDS
    return bool(is_hot) and now - session.active_seconds < HOT_SECONDS
