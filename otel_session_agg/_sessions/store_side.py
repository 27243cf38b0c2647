"""All that is different where processes share a store, chosen in one place."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._sessions.claims import Claims, NoClaims, StoreClaims
from otel_session_agg._sessions.endings import Endings, EndsHere, EndsInStore
from otel_session_agg._sessions.publisher import NoPublisher, Publisher
from otel_session_agg._sessions.release_policy import AskFirst, AtOnce, ReleasePolicy
from otel_session_agg._sessions.session_publisher import SessionPublisher
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.store_worker import StoreWorker


class StoreSide(NamedTuple):
    """What stands between the sessions of a processor and a store."""

    claims: Claims
    """Which processor of this process reports a root."""
    endings: Endings
    """Who ends sessions."""
    policy: ReleasePolicy
    """Whether roots ask before they leave."""
    publisher: Publisher
    """What other processes get."""


def store_side(
    store_worker: StoreWorker | None,
    store: Hashable,
    process: str,
    settings: Settings,
    deadlines: Deadlines,
) -> StoreSide:
    """Return the parts for a processor with this name; ``store_worker``: ``None`` without a store.

    ``store``: what the store is known by in this process.
    """
    if store_worker is None:
        return StoreSide(NoClaims(), EndsHere(), AtOnce(), NoPublisher())
    texts = settings.outputs and settings.store_outputs
    return StoreSide(
        StoreClaims(store, process),
        EndsInStore(),
        AskFirst(texts=texts),
        SessionPublisher(store_worker, process, deadlines, texts=texts),
    )
