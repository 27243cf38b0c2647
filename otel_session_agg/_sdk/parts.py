"""Build the pipeline of a processor or exporter: the one place that constructs its parts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import uuid4
from weakref import finalize

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._guard import Guard
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.output_text import readable
from otel_session_agg._reading.span import Reader
from otel_session_agg._sdk.intake import Intake
from otel_session_agg._sdk.pipeline import Parts, Pipeline
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.assembler import TraceAssembler
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.root_writer import RootWriter
from otel_session_agg.stores._open import name_of
from otel_session_agg.stores.base import SessionStore

_logger = logging.getLogger("otel_session_agg")


class Given(NamedTuple):
    """What a processor or exporter was given."""

    settings: Settings
    prices: PriceBook
    store: SessionStore | None = None
    """The store that processes share; ``None``: there is none."""
    on_record: Callable[[SessionRecord], object] | None = None
    """Called with each session record, on the thread of callbacks."""
    is_live: bool = False
    """Whether totals are written on open roots, and nothing is forwarded."""
    batch_seconds: float | None = None
    """How late ends come where starts are not seen (an exporter), else ``None``."""
    siblings: Callable[[], list[Any] | None] | None = None
    """Returns the workers of this process that may have shares of the same sessions, see
    ``joint_records.py``; ``None``: there never are."""


def build_pipeline(given: Given, wake: Callable[[], object] = lambda: None) -> Pipeline:
    """Return a new pipeline; ``wake`` wakes its worker, and is called from the store's thread."""
    settings, batch_seconds = given.settings, given.batch_seconds
    guard, deadlines = Guard(_logger), Deadlines()
    process = f"{os.getpid():x}-{uuid4().hex[:16]}"
    root_writer = RootWriter(Naming(settings))
    reader = Reader(reading.read)
    engine = Engine(
        settings,
        root_writer.inputs.noting(reader.read),
        _CallPrices(given.prices, guard).cost_of,
        deadlines,
        None if batch_seconds is None else settings.session_idle_seconds,
        partial(_text, settings.max_output_chars if settings.outputs else None),
    )
    assembler = None
    if batch_seconds is not None:
        parts_seconds = batch_seconds if given.store is not None else 0.0
        assembler = TraceAssembler(settings, engine, guard, deadlines, parts_seconds)
    store_worker = None
    if given.store is not None:
        store_worker = StoreWorker(given.store, process, settings, guard, wake)
    manager = SessionManager(
        settings,
        engine,
        process,
        store_worker,
        guard,
        deadlines,
        name_of(given.store),
        settles_seconds=0.0 if batch_seconds is None else settings.linger_seconds + batch_seconds,
    )
    if given.siblings is not None:
        manager.join()
    intake = Intake(engine, assembler, reader, manager, guard, is_live=given.is_live)
    pipeline = Pipeline(
        Parts(
            process, guard, deadlines, intake, assembler, engine, manager, root_writer, store_worker
        ),
        settings,
        given.on_record,
        is_live=given.is_live,
        has_siblings=given.siblings or bool,
    )
    if store_worker is not None:
        # for a processor that is gone without shutdown
        finalize(pipeline, store_worker.abandon).atexit = False
    return pipeline


def _text(max_chars: int | None, raw: object) -> str | None:
    """Return an output as text; ``max_chars`` is ``None`` where outputs are not written."""
    return None if max_chars is None else readable(raw, max_chars)


_NO_PRICE: Final = "no price is known for %s%s: its cost is left out"
_NOT_ALL_TOKENS: Final = "a call of %s%s does not state all of its tokens: its cost is left out"


class _CallPrices:
    """The prices of calls; a call whose price cannot be computed has none."""

    def __init__(self, prices: PriceBook, guard: Guard) -> None:
        self._prices = prices
        self._guard = guard
        # its names come from users: they must not use up the room for faults
        self._unpriced = Guard(_logger)

    def cost_of(self, call: Call) -> int | None:
        """Return what a call cost, in picodollars; ``None``: it is not known, which is logged."""
        cost = self._guard.call("pricing", cost_of, self._prices, call)
        if cost is None:
            named = call.models[0] if call.models else "a model without a name"
            provider = f" (provider {call.provider})" if call.provider else ""
            usage = call.usage or Usage()
            is_whole = usage.prompt_tokens is not None and usage.completion_tokens is not None
            self._unpriced.once(
                "unpriced" if is_whole else "tokens",
                named,
                _NO_PRICE if is_whole else _NOT_ALL_TOKENS,
                named,
                provider,
            )
        return cost
