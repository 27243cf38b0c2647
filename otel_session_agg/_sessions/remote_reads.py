"""Read, while an application thread waits, what other processes have of a session or an account.

A read has three steps: prepare it under the lock of the processor, wait outside of all locks, and
finish it under the lock.  Meanwhile the blocks around the call do not count as open, see `blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from otel_session_agg._api.context import Label
from otel_session_agg._sessions.accounts import Account
from otel_session_agg._sessions.known_sessions import KnownSessions
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_publisher import SessionPublisher


class RemoteReads:
    """Reads what the store has of other processes, for application threads."""

    def __init__(self, publisher: SessionPublisher, known: KnownSessions) -> None:
        self._publisher = publisher
        self._known = known

    def begin(
        self, session_id: str, labels: Iterable[Label], siblings: frozenset[str], now: float
    ) -> Callable[[float], None]:
        """Prepare to read what other processes have of a session.

        Args:
            session_id: The session.
            labels: The blocks of it around the call; no process waits for these meanwhile.
            siblings: Names of the other processors of this process, which are not waited for.
            now: Monotonic seconds.

        Returns:
            What waits for the answer, to be called outside of all locks with the monotonic time
            at which to stop.

        """
        session = self._known.lifecycle.touch(session_id, now)
        self._known.make_room()
        return self._begin(session, labels, siblings, now)

    def begin_account(
        self, name: str, owner: str, labels: Iterable[Label], siblings: frozenset[str], now: float
    ) -> Callable[[float], None]:
        """Prepare to read what other processes have of an account, like `begin`.

        ``labels``: the blocks around the call that are of its owner.
        """
        return self._begin(self._known.accounts.get(name, owner), labels, siblings, now)

    def _begin(
        self,
        what: Session | Account,
        labels: Iterable[Label],
        siblings: frozenset[str],
        now: float,
    ) -> Callable[[float], None]:
        around = tuple(labels)
        self._publisher.blocks.pause(around)
        self._publisher.write_now(self._known, [label.session_id for label in around], now)
        return partial(self._publisher.fetch, what, siblings, is_inside=bool(around))

    def end(self, labels: Iterable[Label], now: float) -> Callable[[float], None]:
        """Write that the blocks around the call go on; return what waits until that is written."""
        self._publisher.blocks.resume(labels)
        self._publisher.write_now(self._known, (), now)
        return self._publisher.confirm
