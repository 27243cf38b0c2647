"""Applications in processes of their own, which a test drives step by step through pipes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeVar, cast

from opentelemetry.context import Context, attach, detach
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Span, set_span_in_context

from otel_session_agg import (
    Budget,
    BudgetExceeded,
    PriceBook,
    SessionRecord,
    SessionSpanProcessor,
    SessionStore,
    Settings,
    session,
)
from otel_session_agg.testing import RecordingExporter

T = TypeVar("T")

TIMEOUT_SECONDS = 300.0
"""How long a process may take for one step before the test fails."""

Headers = Mapping[str, str]
"""What travels from a caller to a callee."""

Job = tuple[str, int, int]
"""One request: its session, how many calls it makes, and the prompt tokens of each."""

COMPLETION_TOKENS = 5
"""Of every call."""

_PRICES = PriceBook({"*": {"input": 1_000_000, "output": 2_000_000}})
"""One dollar a token in, two out."""


class Told(NamedTuple):
    """What a session record says."""

    session_id: str
    revision: int
    end_reason: str
    num_traces: int
    num_events: int
    total_tokens: int | None
    cost_usd: float | None
    is_partial: bool = False


class Root(NamedTuple):
    """What stands on a session root that has left."""

    name: str
    session_id: str | None
    num_events: int
    total_tokens: int | None
    partial_reason: str | None


def call(prompt_tokens: int) -> dict[str, Any]:
    """Attributes of a model call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": prompt_tokens,
        "gen_ai.usage.output_tokens": COMPLETION_TOKENS,
    }


def told(record: SessionRecord) -> Told:
    """A record as it can be sent and compared."""
    rollup = record.rollup
    return Told(
        record.session_id,
        record.revision,
        record.end_reason,
        record.num_traces,
        rollup.num_events,
        rollup.total_tokens,
        rollup.cost_usd,
        record.is_partial,
    )


def _timed(function: Callable[[], T]) -> tuple[T, float]:
    before = time.perf_counter()
    return function(), time.perf_counter() - before


class App:
    """An application with a processor of its own; its methods are what a test can ask of it."""

    def __init__(self, store: SessionStore | str, settings: Mapping[str, Any]) -> None:
        self._exporter = RecordingExporter()
        self._records: list[SessionRecord] = []
        self._open: dict[str, Span] = {}
        self._processor = SessionSpanProcessor(
            SimpleSpanProcessor(self._exporter),
            settings=Settings(**settings),
            store=store,
            prices=_PRICES,
            on_session=self._records.append,
        )
        self._provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("tests")

    # -- spans --------------------------------------------------------------------------------------------------------------

    def work(self, jobs: Iterable[Job], request_seconds: float = 0.0) -> float:
        """Handle requests, one after another; returns the seconds of the slowest start or end of a span."""
        slowest = 0.0
        for session_id, num_calls, prompt_tokens in jobs:
            with session(session_id):
                root, seconds = _timed(lambda: self._tracer.start_span("request"))
                slowest = max(slowest, seconds)
                time.sleep(request_seconds)
                for _ in range(num_calls):
                    slowest = max(slowest, self._chat(root, prompt_tokens))
                slowest = max(slowest, _timed(root.end)[1])
        return slowest

    def _chat(self, above: Span, prompt_tokens: int) -> float:
        context = set_span_in_context(above)
        span, seconds = _timed(lambda: self._tracer.start_span("chat", context, attributes=call(prompt_tokens)))
        return max(seconds, _timed(span.end)[1])

    def begin(
        self,
        name: str,
        session_id: str | None = None,
        *,
        headers: Headers | None = None,
        below: str | None = None,
        propagate: bool = False,
    ) -> Headers:
        """Start a span; returns what would travel from inside it."""
        above = set_span_in_context(self._open[below]) if below is not None else Context()
        token = attach(above if headers is None else extract(headers))
        try:
            with nullcontext() if session_id is None else session(session_id, propagate=propagate):
                span = self._open[name] = self._tracer.start_span(name)
                sent: dict[str, str] = {}
                inject(sent, set_span_in_context(span))
                return sent
        finally:
            detach(token)

    def chat(self, below: str, prompt_tokens: int) -> None:
        """A model call below an open span."""
        self._chat(self._open[below], prompt_tokens)

    def finish(self, name: str) -> None:
        """End a span."""
        self._open.pop(name).end()

    def answer(
        self, session_id: str, limit_usd: float, prompt_tokens: int, wait_seconds: float, user_id: str | None = None
    ) -> bool:
        """Handle a request with one call, unless the session, or the user this month, has used up the budget; then ``False``."""
        budget = Budget(limit_usd) if user_id is None else Budget(limit_usd, per="user", period="month")
        with self._tracer.start_as_current_span("request"), session(session_id, user_id=user_id, budget=budget) as block:
            try:
                block.check(wait_seconds=wait_seconds)
            except BudgetExceeded:
                return False
            with self._tracer.start_as_current_span("chat", attributes=call(prompt_tokens)):
                return True

    def totals(self, session_id: str, wait_seconds: float) -> tuple[int, float | None, float]:
        """Events and cost of a session, asked for outside of any block, and how long that took."""
        rollup, seconds = _timed(lambda: session(session_id).rollup(wait_seconds=wait_seconds))
        return rollup.num_model_events, rollup.cost_usd, seconds

    # -- everything else ----------------------------------------------------------------------------------------------------

    def end(self, *session_ids: str) -> None:
        """End sessions."""
        for session_id in session_ids:
            self._processor._aggregator.queries.end_session(session_id, "end_session")

    def end_at(self, when_seconds: float, *session_ids: str) -> None:
        """End sessions at a time of the clock that all processes of this machine share."""
        while time.monotonic() < when_seconds:
            pass
        self.end(*session_ids)
        self.flush()

    def flush(self, timeout_seconds: float = 30.0) -> tuple[bool, float]:
        """Flush; returns what came of it and how long it took."""
        before = time.monotonic()
        done = self._provider.force_flush(int(timeout_seconds * 1000))
        return done, time.monotonic() - before

    def close(self) -> list[str]:
        """Shut down; returns the names of threads of ours that are still there soon after."""
        self._provider.shutdown()
        span_worker = self._processor._span_worker
        store_worker = span_worker.pipeline.store_worker
        ours = [
            span_worker.worker.thread,
            span_worker.callbacks.worker.thread,
            store_worker.thread if store_worker is not None else None,
        ]
        for thread in filter(None, ours):
            thread.join(TIMEOUT_SECONDS)
        return [thread.name for thread in ours if thread is not None and thread.is_alive()]

    def records(self) -> list[Told]:
        """Records that this process wrote."""
        return [told(record) for record in self._records]

    def roots(self) -> list[Root]:
        """Roots that have left."""
        rows = [(span.name, span.attributes or {}) for span in self._exporter.roots if span.name != "session"]
        return [
            Root(
                name,
                cast("str | None", found.get("session.id")),
                cast("int", found["metadata.num_events"]),
                cast("int | None", found.get("metadata.total_tokens")),
                cast("str | None", found.get("metadata.partial_reason")),
            )
            for name, found in rows
        ]

    def num_spans(self) -> int:
        """How many spans have left, the records not counted."""
        return sum(span.name != "session" for span in self._exporter.spans)

    def counts(self) -> dict[str, int]:
        """What happened with the store."""
        return self._processor._span_worker.store_counts("written", "errors", "malformed", "lost")

    def faults(self) -> dict[str, int]:
        """Faults of ours that were caught."""
        return self._processor._span_worker.faults()

    def forget(self) -> None:
        """Forget what the process this one was forked from has exported."""
        self._exporter.clear()
        self._records.clear()
        self._open.clear()

    def pid(self) -> int:
        """Of this process."""
        return os.getpid()


def _serve(app: App, connection: Connection) -> None:
    """Do what the test asks until it hangs up."""
    logging.getLogger("otel_session_agg").addHandler(logging.NullHandler())  # what fails is asked for
    while True:
        try:
            name, args, kwargs = connection.recv()
        except EOFError:
            return
        try:
            answer = (True, getattr(app, name)(*args, **kwargs))
        except BaseException:  # noqa: BLE001 -- the test is told
            answer = (False, traceback.format_exc())
        connection.send(answer)


def _spawned(connection: Connection, url: str, settings: Mapping[str, Any]) -> None:
    _serve(App(url, settings), connection)


def _preloaded(connections: list[Connection], url: str, settings: Mapping[str, Any]) -> None:
    """A master that has used its processor already, and forks workers that go on with it."""
    app = App(url, settings)
    app.work([("of the master", 1, 10)])
    app.begin("left open by the master", "of the master")
    app.flush()
    children = []
    for mine in connections:
        pid = os.fork()
        if pid == 0:
            for other in connections:
                if other is not mine:
                    other.close()
            app.forget()
            _serve(app, mine)
            os._exit(0)
        children.append(pid)
    for connection in connections:
        connection.close()
    for pid in children:
        os.waitpid(pid, 0)


class Worker:
    """A process as the test sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin_to(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Ask for something, and do not wait for it."""
        self._connection.send((name, args, kwargs))

    def answer(self) -> Any:
        """What came of it."""
        if not self._connection.poll(TIMEOUT_SECONDS):
            message = f"no answer within {TIMEOUT_SECONDS} s"
            raise TimeoutError(message)
        worked, answer = self._connection.recv()
        assert worked, answer
        return answer

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask for something and wait for it."""
        self.begin_to(name, *args, **kwargs)
        return self.answer()

    def kill(self) -> None:
        """End the process at once, as ``kill -9`` does; returns when it is gone."""
        os.kill(self.do("pid"), signal.SIGKILL)
        with suppress(EOFError, ConnectionError):
            self._connection.recv()

    def hang_up(self) -> None:
        """Let the process end."""
        self._connection.close()


class Workers:
    """The processes of one application."""

    def __init__(self, members: list[Worker]) -> None:
        self.members = members

    def __getitem__(self, number: int) -> Worker:
        return self.members[number]

    def each(self, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Ask all of them for the same, at once."""
        return self.every(name, [args] * len(self.members), **kwargs)

    def every(self, name: str, args: Iterable[tuple[Any, ...]], **kwargs: Any) -> list[Any]:
        """Ask each of them for its own, at once."""
        for worker, its in zip(self.members, args, strict=True):
            worker.begin_to(name, *its, **kwargs)
        return [worker.answer() for worker in self.members]

    def records(self) -> list[Told]:
        """All records that were written, in order of their sessions and revisions."""
        return sorted(record for worker in self.members for record in worker.do("records"))


def _pipes(number: int) -> list[tuple[Connection, Connection]]:
    return [multiprocessing.Pipe() for _ in range(number)]


def _running(target: Callable[..., None], *args: Any) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=target, args=args)
    process.start()
    return process


@contextmanager
def spawned(number: int, url: str, **settings: Any) -> Iterator[Workers]:
    """Processes that have nothing in common but the store."""
    with ExitStack() as stack:
        members = []
        for mine, its in _pipes(number):
            process = _running(_spawned, its, url, settings)
            stack.callback(_end, process)
            its.close()
            members.append(Worker(mine))
            stack.callback(mine.close)
        yield Workers(members)


@contextmanager
def forked(number: int, url: str, **settings: Any) -> Iterator[Workers]:
    """Processes forked from one that has made and used the processor before, as servers with ``preload`` do."""
    pipes = _pipes(number)
    with ExitStack() as stack:
        process = _running(_preloaded, [its for _, its in pipes], url, settings)
        stack.callback(_end, process)
        for mine, its in pipes:
            its.close()
            stack.callback(mine.close)
        yield Workers([Worker(mine) for mine, _ in pipes])


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.join(TIMEOUT_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


STARTS: Mapping[str, Callable[..., Any]] = {"spawn": spawned, **({"fork": forked} if sys.platform != "win32" else {})}
"""Ways in which the processes of an application begin."""
