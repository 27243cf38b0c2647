"""``session()``: the block, through the real SDK."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach, create_key, detach, get_current, set_value
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import Budget, attributes, current_rollup, end_session, session
from otel_session_agg._api.context import BAGGAGE_KEYS, current_label
from otel_session_agg._api.registry import session_rollup
from otel_session_agg._model.session_totals import MAX_LABELS
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._precedence import SESSIONS
from tests.support.apps import CALL, App, alone, below, beyond, in_threads

pytestmark = pytest.mark.oldest_sdk

SESSION_KEYS = sorted(key for table in CONVENTIONS for key in table.session)


class _Plan(Enum):
    PRO = "pro"


class _Word(str, Enum):
    PRO = "pro"


class _Seats(IntEnum):
    FEW = 3


def stamped(span: Any) -> Any:
    """The session that stands on a span."""
    assert isinstance(span, ReadableSpan)
    return (span.attributes or {}).get("session.id")


def here(app: App) -> Any:
    """The session of a span that starts now, here."""
    span = app.tracer.start_span("probe")
    span.end()
    return stamped(span)


class TestBlock:
    """``with`` and ``async with``."""

    def test_stamps(self, app: App) -> None:
        """Every span that starts inside carries id, user and metadata, whichever instrumentation starts it."""
        expected = {"session.id": "s", "user.id": "u", "metadata.plan": "pro", "metadata.seats": 3, "metadata.beta": True}
        with session("s", user_id="u", metadata={"plan": "pro", "seats": 3, "beta": True}):
            spans = [
                app.provider.get_tracer(name).start_span("span") for name in ("tests", "opentelemetry.instrumentation.httpx")
            ]
            spans.append(app.tracer.start_span("child", below(spans[0])))
        for span in spans:
            assert isinstance(span, ReadableSpan)
            assert expected == dict(span.attributes or {})
            span.end()

    def test_left(self, app: App) -> None:
        """After the block nothing is stamped, and the context is as it was."""
        before = get_current()
        with session("s"):
            assert "s" == here(app)
        assert before == get_current()
        assert here(app) is None

    def test_started_before(self, app: App) -> None:
        """A span that started before the block is not stamped, but its trace joins the session."""
        root = app.tracer.start_span("root")
        with session("s"):
            app.call(below(root))
        assert stamped(root) is None
        root.end()
        app.flush()
        assert "s" == app.attributes("root")["session.id"]

    def test_outlives(self, app: App) -> None:
        """A span that started inside and ends after the block belongs to the session."""
        with session("s") as block:
            span = app.tracer.start_span("chat", attributes=CALL)
        span.end()
        assert 15 == block.rollup().total_tokens

    def test_async(self, app: App) -> None:
        """``async with`` is the same block."""

        async def main() -> list[Any]:
            async with session("s") as block:
                return [block.session_id, here(app)]

        assert ["s", "s"] == asyncio.run(main())
        assert here(app) is None

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_exception(self, error: type[BaseException], app: App) -> None:
        """What is raised inside goes on, and the context is clean."""
        before = get_current()
        with pytest.raises(error), session("outer"), session("inner"):
            raise error
        assert before == get_current()
        assert here(app) is None

    def test_explicit_context(self, app: App) -> None:
        """A span that is started in a context of its own gets what that context says, as everywhere in OpenTelemetry."""
        with session("s"):
            context = get_current()
            assert stamped(app.tracer.start_span("span", Context())) is None
        assert "s" == stamped(app.tracer.start_span("span", context))

    def test_same_object_twice(self, app: App) -> None:
        """One object may be entered again, also inside itself."""
        block = session("s")
        with block:
            with block:
                assert "s" == here(app)
            assert "s" == here(app)
        assert here(app) is None
        with block:
            assert "s" == here(app)
        assert here(app) is None

    def test_new_id_each_time(self) -> None:
        """Without an id each entry is a new session, and ``session_id`` is that of the last."""
        block = session()
        with pytest.raises(RuntimeError, match="has no id before"):
            _ = block.session_id
        with block:
            first = block.session_id
        with block:
            second = block.session_id
        assert first != second
        assert second == block.session_id

    def test_same_object_in_two_tasks(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """One object may be entered by tasks that take turns: each leaves its own block."""
        block = session("s", end_on_exit=True)

        async def task(entered: asyncio.Event, go_on: asyncio.Event, left: asyncio.Event) -> list[Any]:
            async with block:
                entered.set()
                await go_on.wait()
                inside = here(app)
            left.set()
            return [inside, here(app)]

        async def main() -> list[list[Any]]:
            first, second, both = (asyncio.Event() for _ in range(3))
            return list(await asyncio.gather(task(first, second, both), task(second, both, first)))  # first in, first out

        with caplog.at_level(logging.ERROR):
            assert 2 * [["s", None]] == asyncio.run(main())
        assert [] == caplog.messages

    def test_same_object_in_threads(self, app: App, caplog: pytest.LogCaptureFixture) -> None:
        """One object may be entered by several threads at once."""
        block = session("s")
        barriers = [threading.Barrier(4) for _ in range(2)]

        def work(_: int) -> None:
            with block:
                barriers[0].wait(10)
                assert "s" == here(app)
                barriers[1].wait(10)
            assert here(app) is None

        in_threads(4, work)
        assert [] == caplog.messages

    def test_left_twice(self, app: App) -> None:
        """A block that is left although it was left before, or never entered, changes nothing."""
        with session("outer"):
            block = session("s", end_on_exit=True)
            block.__exit__(None, None, None)
            block.__enter__()
            app.call()
            block.__exit__(None, None, None)
            block.__exit__(None, None, None)
            app.trace()
        app.flush()
        assert {"s": 15, "outer": 15} == {name: (found := session_rollup(name)) and found.total_tokens for name in ("s", "outer")}


class TestDecorator:
    """``@session()``."""

    def test_function(self, app: App) -> None:
        """Each call is inside a block; arguments, result and name are the function's."""

        @session("s", user_id="u")
        def turn(a: int, *, b: int) -> tuple[int, Any]:
            """One turn."""
            return a + b, here(app)

        assert [(3, "s"), (7, "s")] == [turn(1, b=2), turn(3, b=4)]
        assert ("turn", "One turn.") == (turn.__name__, turn.__doc__)
        assert here(app) is None

    def test_coroutine(self, app: App) -> None:
        """A coroutine is inside until it has returned."""

        @session("s")
        async def turn() -> list[Any]:
            before = here(app)
            await asyncio.sleep(0)
            return [before, here(app)]

        assert inspect.iscoroutinefunction(turn)
        assert ["s", "s"] == asyncio.run(turn())
        assert here(app) is None

    def test_each_call_its_own(self) -> None:
        """Without an id each call is a session of its own, recursive and parallel ones too."""

        @session()
        def turn(deeper: int) -> list[str]:
            label = current_label()
            assert label is not None
            return [label.session_id, *(turn(deeper - 1) if deeper else [])]

        first = turn(1)
        assert 1 == len(set(first))  # inside a session, no id means that session
        ids: list[str] = [*first]
        in_threads(4, lambda _: ids.extend(turn(0)))
        assert 5 == len(set(ids))

    def test_parallel_coroutines(self) -> None:
        """Coroutines that take turns are sessions of their own."""

        @session()
        async def turn() -> list[Any]:
            ids = []
            for _ in range(3):
                label = current_label()
                ids.append(label.session_id if label is not None else None)
                await asyncio.sleep(0)
            return ids

        async def main() -> list[list[Any]]:
            return list(await asyncio.gather(*(turn() for _ in range(5))))

        found = asyncio.run(main())
        assert 5 == len({ids[0] for ids in found})
        assert all(1 == len(set(ids)) for ids in found)

    def test_method(self) -> None:
        """Methods are decorated like functions."""

        class Bot:
            @session("s")
            def turn(self) -> Any:
                return self, current_label()

        bot = Bot()
        me, label = bot.turn()
        assert bot is me
        assert "s" == label.session_id

    def test_exception(self, app: App) -> None:
        """What the function raises goes on, and the context is clean."""

        @session("s")
        def turn() -> None:
            raise LookupError

        with pytest.raises(LookupError):
            turn()
        assert here(app) is None

    def test_generator_functions(self) -> None:
        """Generator functions are refused at once, with what to do."""

        def numbers() -> Iterator[int]:
            yield 1

        async def letters() -> Any:
            yield "a"

        for function in (numbers, letters):
            with pytest.raises(TypeError, match="generator function: use a with block inside it"):
                session("s")(function)


class TestNesting:
    """Blocks in blocks."""

    def test_inner_holds(self, app: App) -> None:
        """Inside the inner block the inner session holds; afterwards the outer comes back."""
        found = []
        with session("outer"):
            found.append(here(app))
            with session("inner"):
                found.append(here(app))
            found.append(here(app))
        assert ["outer", "inner", "outer"] == found

    def test_same_id(self, app: App) -> None:
        """A block with the same id, or none, takes over user and metadata and may replace them."""
        with session("s", user_id="u", metadata={"a": 1, "b": 1}), session("s", metadata={"b": 2}), session(metadata={"c": 3}):
            span = app.tracer.start_span("span")
        expected = {"session.id": "s", "user.id": "u", "metadata.a": 1, "metadata.b": 2, "metadata.c": 3}
        assert isinstance(span, ReadableSpan)
        assert expected == dict(span.attributes or {})

    def test_other_id(self, app: App) -> None:
        """A block with another id takes over nothing."""
        with session("outer", user_id="u", metadata={"a": 1}), session("inner"):
            span = app.tracer.start_span("span")
        assert isinstance(span, ReadableSpan)
        assert {"session.id": "inner"} == dict(span.attributes or {})

    def test_totals_are_apart(self, app: App) -> None:
        """What happens in the inner session is in its totals only, also within one trace."""
        with session("outer") as outer, app.tracer.start_as_current_span("root"):
            app.call()
            with session("inner") as inner, app.tracer.start_as_current_span("agent"):
                app.call()
                app.call()
            app.call()
        assert (30, 30) == (outer.rollup().total_tokens, inner.rollup().total_tokens)
        assert (2, 3) == (outer.rollup().num_events, inner.rollup().num_events)


class TestThreadsAndTasks:
    """The session goes as far as the OpenTelemetry context."""

    def test_copied_context(self, app: App) -> None:
        """A thread that runs in a copy of the context is inside; one that does not is outside."""
        with session("s"), ThreadPoolExecutor(1) as pool:
            inside = pool.submit(contextvars.copy_context().run, here, app).result(10)
            outside = pool.submit(here, app).result(10)
        assert ["s", None] == [inside, outside]

    def test_attached(self, app: App) -> None:
        """A thread that attaches the OpenTelemetry context is inside, also after the block was left."""
        with session("s"):
            context = get_current()

        def work() -> Any:
            token = attach(context)
            try:
                return here(app)
            finally:
                detach(token)

        with ThreadPoolExecutor(1) as pool:
            assert ["s", None] == [pool.submit(work).result(10), pool.submit(here, app).result(10)]

    def test_many_threads(self, app: App) -> None:
        """Threads with sessions of their own do not mix."""

        def work(index: int) -> None:
            for _ in range(20):
                with session(f"s{index}"):
                    app.trace(1)

        in_threads(8, work)
        assert 8 * [300] == [session(f"s{index}").rollup().total_tokens for index in range(8)]

    def test_tasks(self, app: App) -> None:
        """A task is in the session in which it was made, whatever block it or others enter."""

        async def child(index: int) -> list[Any]:
            found = [here(app)]
            async with session(f"own{index}"):
                await asyncio.sleep(0)
                found.append(here(app))
            await asyncio.sleep(0)
            return [*found, here(app)]

        async def main() -> list[list[Any]]:
            async with session("s"):
                tasks = [asyncio.create_task(child(index)) for index in range(3)]
            assert here(app) is None
            return [await task for task in tasks]

        assert [["s", f"own{index}", "s"] for index in range(3)] == asyncio.run(main())

    def test_to_thread(self, app: App) -> None:
        """``asyncio.to_thread`` takes the session along."""

        async def main() -> Any:
            async with session("s"):
                return await asyncio.to_thread(here, app)

        assert "s" == asyncio.run(main())


class TestOwnAttributes:
    """What the user sets wins."""

    def test_at_start(self, app: App) -> None:
        """Attributes given at the start of a span stay."""
        with session("s", user_id="u", metadata={"plan": "pro"}):
            span = app.tracer.start_span("span", attributes={"user.id": "mine", "metadata.plan": "free"})
        assert isinstance(span, ReadableSpan)
        assert {"session.id": "s", "user.id": "mine", "metadata.plan": "free"} == dict(span.attributes or {})

    def test_other_session(self, app: App) -> None:
        """A span that names another session at its start is in that, and gets nothing from the block."""
        with session("s", user_id="u", metadata={"plan": "pro"}) as block:
            app.call(**{"session.id": "mine"})
        app.flush()
        assert {**CALL, "session.id": "mine"}.items() <= app.attributes("chat").items()
        assert not {"user.id", "metadata.plan"} & app.attributes("chat").keys()
        assert (0, 15) == (block.rollup().num_events, session("mine").rollup().total_tokens)

    def test_same_session(self, app: App) -> None:
        """A span that names the block's own session gets the rest."""
        with session("s", user_id="u", metadata={"plan": "pro"}):
            span = app.tracer.start_span("span", attributes={"session.id": "s"})
        assert isinstance(span, ReadableSpan)
        assert {"session.id": "s", "user.id": "u", "metadata.plan": "pro"} == dict(span.attributes or {})

    @pytest.mark.parametrize("key", ["gen_ai.conversation.id", "langsmith.metadata.thread_id"])
    @pytest.mark.parametrize("says_at_start", [True, False])
    def test_copied(self, key: str, says_at_start: bool, app: App) -> None:  # noqa: FBT001 -- pytest's way
        """An id that an instrumentation copied from a conversation takes no span out of the block, root or not."""
        said = {"session.id": "c", key: "c"}
        with session("s", user_id="u") as block:
            root = app.tracer.start_span("request", attributes=said if says_at_start else None)
            call = app.tracer.start_span("chat", below(root), attributes={**CALL, **(said if says_at_start else {})})
            for span in (call, root):
                span.set_attributes({} if says_at_start else said)
            call.end()
            assert 15 == block.rollup().total_tokens
            root.end()
        app.flush()
        assert ("s", "u", 15) == tuple(
            app.attributes("request")[name] for name in ("session.id", "user.id", "metadata.total_tokens")
        )
        assert 0 == session("c").rollup().num_events

    @pytest.mark.parametrize("says_at_start", [True, False])
    def test_carried_around(self, says_at_start: bool, app: App) -> None:  # noqa: FBT001 -- pytest's way
        """The block is nearer than an id that another library carries in the context around it, and farther than one inside."""
        key = create_key("session.id")  # as OpenInference's ``using_session``

        def call(session_id: str) -> None:
            span = app.tracer.start_span("chat", attributes={**CALL, **({"session.id": session_id} if says_at_start else {})})
            span.set_attributes({} if says_at_start else {"session.id": session_id})
            span.end()

        token = attach(set_value(key, "far"))
        with session("s") as block:
            call("far")
            call("near")
        detach(token)
        assert [15, 15, None] == [one.rollup().total_tokens for one in (block, session("near"), session("far"))]

    def test_set_later(self, app: App) -> None:
        """A value that is set on the span afterwards replaces the stamp."""
        with session("s", user_id="u"):
            span = app.tracer.start_span("span")
            span.set_attribute("user.id", "later")
        assert isinstance(span, ReadableSpan)
        assert "later" == (span.attributes or {})["user.id"]


class TestIds:
    """What an id may be."""

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("chat-1", "chat-1"),
            (5, "5"),
            (10**30, str(10**30)),
            (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
            (" padded\n", "padded"),
            ('"quoted"', "quoted"),
            ('""twice""', "twice"),
            ('" "inside" "', "inside"),
            ('say "hi" now', 'say "hi" now'),
            ('"', '"'),
            ("ünï", "ünï"),
            ("x" * 1024, "x" * 1024),
        ],
    )
    def test_text(self, given: object, expected: str, app: App) -> None:
        """An id is made into text as it is read from spans, so that block and spans name one session."""
        with session(given) as block:
            app.trace(1)
        assert expected == block.session_id
        assert (2 - 1, 15) == (block.rollup().num_events, block.rollup().total_tokens)
        app.flush()
        assert expected == app.attributes("request")["session.id"]

    @pytest.mark.parametrize("nothing", [None, "", "  ", '""', '"  "'])
    def test_nothing(self, nothing: object) -> None:
        """No id, or a blank one, is the session around; without one it is a new session."""
        with session("outer"), session(nothing) as inner:
            assert "outer" == inner.session_id
        with session(nothing) as first, session(nothing) as second:
            assert first.session_id == second.session_id
        with session(nothing) as third:
            assert 32 == len(third.session_id)
            assert first.session_id != third.session_id

    @pytest.mark.parametrize("wrong", ["x" * 1025, {"a": "x" * 2000}])
    @pytest.mark.parametrize("name", ["session_id", "user_id"])
    def test_too_long(self, name: str, wrong: object) -> None:
        """Ids that no span could be read with are refused where they are given."""
        with pytest.raises(ValueError, match=r"an id of [0-9]+ characters is not allowed: use at most 1024"):
            session(**{name: wrong})  # type: ignore[arg-type]  # one of two names
        if name == "session_id":
            with pytest.raises(ValueError, match="is not allowed"):
                end_session(wrong)

    def test_end_nothing(self, app: App) -> None:
        """Ending no session, or one that nobody knows, does nothing."""
        end_session(None)
        end_session("nobody")
        app.flush()
        assert [] == app.records


class TestMetadata:
    """What else may be said."""

    @pytest.mark.parametrize("name", sorted(name for name in attributes.RESERVED if name.startswith("metadata.")))
    def test_reserved(self, name: str) -> None:
        """Names that this library writes are refused."""
        with pytest.raises(ValueError, match=f"metadata name '{name.removeprefix('metadata.')}' is not allowed"):
            session(metadata={name.removeprefix("metadata."): 1})

    @pytest.mark.parametrize(
        "metadata",
        [
            {"": 1},
            {1: 1},
            {"a": 2**63},
            {"a": [1]},
            {"a": {"b": 1}},
            {"a": 1j},
            {"": None},
            {"a": object()},
            {"a": b"x"},
            {"a": "x" * 1025},
            {"a" * 1025: 1},
        ],
    )
    def test_wrong(self, metadata: Any) -> None:
        """Names that are no text and values that no attribute can have are refused."""
        with pytest.raises(ValueError, match="is not allowed"):
            session("s", metadata=metadata)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (_Plan.PRO, "pro"),
            (_Seats.FEW, 3),
            (_Word.PRO, "pro"),
            (Decimal("9.5"), 9.5),
            (Fraction(1, 2), 0.5),
            (date(2026, 11, 30), "2026-11-30"),
            (datetime(2026, 11, 30, 8, tzinfo=timezone.utc), "2026-11-30 08:00:00+00:00"),
            (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ],
    )
    def test_converted(self, app: App, given: Any, expected: object) -> None:
        """Values that databases and data frames give become what an attribute can have."""
        with session("s", metadata={"plan": given}):
            app.tracer.start_span("span").end()
        app.flush()
        found = (app.exporter.spans[0].attributes or {})["metadata.plan"]
        assert (expected, type(expected)) == (found, type(found))

    def test_none(self, app: App) -> None:
        """What is not known is left out, and the block around keeps what it says."""
        with (
            session("s", user_id=None, metadata={"plan": "pro"}),
            session("s", metadata={"plan": None, "seats": None, "beta": 0}),
        ):
            app.tracer.start_span("span").end()
        app.flush()
        assert {"session.id": "s", "metadata.plan": "pro", "metadata.beta": 0} == {
            name: value
            for name, value in (app.exporter.spans[0].attributes or {}).items()
            if name in ("session.id", "user.id", "metadata.plan", "metadata.seats", "metadata.beta")
        }

    def test_bytes(self, app: App) -> None:
        """Ids of headers and of Redis are the same session as their texts."""
        with session(b"s", user_id=b"ada"):
            app.tracer.start_span("span").end()
        app.flush()
        assert {"session.id": "s", "user.id": "ada"}.items() <= dict(app.exporter.spans[0].attributes or {}).items()

    def test_too_many(self) -> None:
        """There is a bound on the number of names."""
        session("s", metadata={f"n{index}": 1 for index in range(MAX_LABELS)})
        with pytest.raises(ValueError, match="65 names of metadata are not allowed: use at most 64"):
            session("s", metadata={f"n{index}": 1 for index in range(MAX_LABELS + 1)})

    def test_not_encodable(self, app: App) -> None:
        """Halves of surrogate pairs, which JSON of a caller can hold and no exporter can write, are replaced."""
        with session("\ud800s", user_id="\ud800u", metadata={"\ud800n": "\ud800v"}) as chat:
            app.tracer.start_span("span").end()
        assert "?s" == chat.session_id
        app.flush()
        stated = {"session.id": "?s", "user.id": "?u", "metadata.?n": "?v"}
        assert stated.items() <= dict(app.exporter.spans[0].attributes or {}).items()

    def test_copied(self, app: App) -> None:
        """What is done to the mapping afterwards changes nothing."""
        metadata: dict[str, Any] = {"plan": "pro"}
        with session("s", metadata=metadata):
            metadata["plan"] = "free"
            span = app.tracer.start_span("span")
        assert isinstance(span, ReadableSpan)
        assert "pro" == (span.attributes or {})["metadata.plan"]


class TestEndOnExit:
    """``end_on_exit`` and ``end``."""

    def test_left(self, app: App) -> None:
        """The session ends when the block is left, with what ended in it."""
        with session("s", end_on_exit=True):
            app.trace(2)
            app.flush()
            assert [] == app.records
        app.flush()
        (record,) = app.records
        assert ("s", 1, "end_on_exit", 30) == (record.session_id, record.revision, record.end_reason, record.rollup.total_tokens)

    def test_outermost_only(self, app: App) -> None:
        """An inner block with the same id does not end it, also with another session in between."""
        with session("s", end_on_exit=True):
            app.trace()
            with session("s", end_on_exit=True):
                app.trace()
            with session("other"), session("s", end_on_exit=True):
                app.trace()
            app.flush()
            assert [] == app.records
        app.flush()
        assert [("s", 45)] == [(record.session_id, record.rollup.total_tokens) for record in app.records]

    def test_not_asked(self, app: App) -> None:
        """Without it the session goes on."""
        with session("s"):
            app.trace()
        app.flush()
        assert [] == app.records

    def test_waits_for_open(self, app: App) -> None:
        """What is still open when the block is left is waited for."""
        with session("s", end_on_exit=True):
            root = app.tracer.start_span("root")
            app.call(below(root))
        app.turn()
        assert [] == app.records
        app.call(below(root))
        root.end()
        app.turn()
        assert [(30, False)] == [(record.rollup.total_tokens, record.is_partial) for record in app.records]

    def test_waits_not_forever(self, app: App) -> None:
        """When waiting is over it ends with what it has, marked partial; what comes later makes a new revision."""
        with session("s", end_on_exit=True):
            root = app.tracer.start_span("root")
            app.call(below(root))
        app.turn()
        app.turn(5.0)
        assert [(1, 15, True)] == [(r.revision, r.rollup.total_tokens, r.is_partial) for r in app.records]
        app.call(below(root))
        root.end()
        end_session("s")
        app.turn()
        assert [(1, 15, True), (2, 30, False)] == [(r.revision, r.rollup.total_tokens, r.is_partial) for r in app.records]

    def test_end(self, app: App) -> None:
        """``end`` ends it inside the block, once."""
        with session("s") as block:
            app.trace()
            block.end()
            block.end()
            app.flush()
        app.flush()
        assert [("s", 1, "end_session")] == [(r.session_id, r.revision, r.end_reason) for r in app.records]

    def test_exception(self, app: App) -> None:
        """It ends also when the block is left by an exception."""

        @session("s", end_on_exit=True)
        def turn() -> None:
            app.trace()
            raise LookupError

        with pytest.raises(LookupError):
            turn()
        app.flush()
        assert ["s"] == [record.session_id for record in app.records]


def injected() -> str | None:
    """The baggage header that goes to a callee."""
    payload: dict[str, str] = {}
    W3CBaggagePropagator().inject(payload)
    return payload.get("baggage")


class TestPropagate:
    """W3C baggage."""

    def test_header(self) -> None:
        """``propagate`` puts the id in the baggage header, beside what is there; without it nothing is put."""
        token = attach(baggage.set_baggage("tenant", "t"))
        with session("chat 1", propagate=True):
            assert {"tenant=t", "session.id=chat+1"} == set((injected() or "").split(","))
        with session("s"):
            assert "tenant=t" == injected()
        detach(token)
        assert injected() is None

    def test_inner_other(self) -> None:
        """An inner session that does not propagate does not leak the outer one's id; afterwards it is back."""
        with session("outer", propagate=True):
            with session("inner"):
                assert injected() is None
                with session("inmost"):
                    assert injected() is None
            assert "session.id=outer" == injected()

    def test_inner_same(self) -> None:
        """An inner block of the same session keeps it in the header."""
        with session("s", propagate=True), session("s"), session(user_id="u"):
            assert "session.id=s" == injected()

    def test_inner_propagates(self) -> None:
        """Of two that propagate the inner one is in the header."""
        with session("outer", propagate=True):
            with session("inner", propagate=True):
                assert "session.id=inner" == injected()
            assert "session.id=outer" == injected()

    def test_no_user(self) -> None:
        """Nothing but the id travels."""
        with session("s", user_id="u", metadata={"plan": "pro"}, budget=Budget(total_tokens=1), propagate=True):
            assert "session.id=s" == injected()


class TestTrustedBaggage:
    """Ids that arrive."""

    @pytest.mark.parametrize("key", BAGGAGE_KEYS)
    def test_only_if_trusted(self, key: str, make: Callable[..., App]) -> None:
        """An id in baggage is believed with the setting, and only then."""
        for trusts, expected in ((True, "theirs"), (False, None)):
            app = make(trust_baggage=trusts)
            token = attach(W3CBaggagePropagator().extract({"baggage": f"{key}=theirs"}))
            app.trace()
            detach(token)
            app.flush()
            assert expected == app.attributes("request").get("session.id")
            found = app.processor._aggregator.queries.session_rollup("theirs")
            assert (15 if trusts else None) == (found.total_tokens if found is not None else None)

    def test_round_trip(self, make: Callable[..., App]) -> None:
        """A callee that trusts joins the caller's session."""
        callee = make(trust_baggage=True)
        with session('ünï "q" , ;=', propagate=True) as block:
            header = injected()
        context = W3CBaggagePropagator().extract({"baggage": header})
        callee.tracer.start_span("request", context).end()
        callee.flush()
        assert block.session_id == callee.attributes("request")["session.id"]

    def test_block_wins(self, make: Callable[..., App]) -> None:
        """A block in this process wins over what arrived."""
        app = make(trust_baggage=True)
        token = attach(W3CBaggagePropagator().extract({"baggage": "session.id=theirs"}))
        with session("mine"):
            assert "mine" == here(app)
        assert "theirs" == here(app)
        detach(token)
        assert here(app) is None

    def test_own_attribute_wins(self, make: Callable[..., App]) -> None:
        """A span that names its session wins over what arrived."""
        app = make(trust_baggage=True)
        token = attach(W3CBaggagePropagator().extract({"baggage": "session.id=theirs"}))
        span = app.tracer.start_span("span", attributes={"session.id": "mine"})
        detach(token)
        assert "mine" == stamped(span)

    @pytest.mark.parametrize("header", ["session.id=", "session.id=%20", f"session.id={'x' * 2000}", "session.id", "=;,"])
    def test_garbage(self, header: str, make: Callable[..., App]) -> None:
        """What is no id is no session."""
        app = make(trust_baggage=True)
        token = attach(W3CBaggagePropagator().extract({"baggage": header}))
        assert here(app) is None
        detach(token)
        app.flush()
        assert {} == app.span_worker.faults()


class TestJoining:
    """Spans that carry an id already need no block."""

    @pytest.mark.parametrize("key", SESSION_KEYS)
    def test_every_key(self, key: str, app: App) -> None:
        """Every key of a session id joins the span's trace to that session, in two traces at once."""
        for _ in range(2):
            with app.tracer.start_as_current_span("request"):
                app.call(**{key: "joined"})
        assert (30, 40.0) == (session("joined").rollup().total_tokens, session("joined").rollup().cost_usd)
        end_session("joined")
        app.flush()
        (record,) = app.records
        assert ("joined", 2) == (record.session_id, record.num_traces)
        assert ["joined", "joined"] == [(span.attributes or {})["session.id"] for span in app.named("request")]

    @pytest.mark.parametrize("key", SESSION_KEYS)
    def test_block_beats_weak(self, key: str, app: App) -> None:
        """Inside a block the block's id holds against ids that frameworks set by themselves."""
        strong = key in SESSIONS[: SESSIONS.index("session.id") + 1]
        with session("block") as block, app.tracer.start_as_current_span("request"):
            app.call(**{key: "framework"})
        found = session("framework").rollup() if strong else block.rollup()
        assert 15 == found.total_tokens

    @pytest.mark.parametrize("value", [7, "7", '"7"', " 7 "])
    def test_forms(self, value: object, app: App) -> None:
        """Numbers, quotes and blanks name the same session as the block does."""
        app.call(**{"session.id": value})
        with session(7) as block:
            app.call()
        assert 30 == block.rollup().total_tokens

    def test_no_ids(self, app: App) -> None:
        """What is no session id starts none."""
        ids = ("langsmith.trace.session_id", "mcp.session.id", "thread.id", "gen_ai.agent.call.id", "browser.session")
        app.call(**dict.fromkeys(ids, "x"))
        app.flush()
        assert "session.id" not in app.attributes("chat")
        assert app.processor._aggregator.queries.session_rollup("x") is None


class TestSeveralProcessors:
    """Processors beside each other."""

    def test_both_stamp(self, make: Callable[..., App]) -> None:
        """Two processors in one provider stamp once and count the same."""
        first, second = make(), make()
        first.provider.add_span_processor(second.processor)
        with session("s", user_id="u", metadata={"plan": "pro"}):
            first.trace(2)
        for app in (first, second):
            app.flush()
            root = app.attributes("request")
            assert ("s", "u", "pro", 30) == tuple(
                root[name] for name in ("session.id", "user.id", "metadata.plan", "metadata.total_tokens")
            )
            found = app.processor._aggregator.queries.session_rollup("s")
            assert found is not None
            assert 30 == found.total_tokens

    def test_other_process(self, make: Callable[..., App]) -> None:
        """A root with a remote parent carries the session of its own process."""
        caller, callee = make(), make()
        with session("theirs"):
            client = caller.tracer.start_span("client")
        with session("ours"):
            callee.tracer.start_span("server", beyond(client)).end()  # a context without the label
        callee.flush()
        assert "session.id" not in callee.attributes("server")
        client.end()


class TestNoProcessor:
    """An application that does not aggregate."""

    def test_harmless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a processor blocks work and know of nothing."""
        with alone(monkeypatch), session("s", budget=Budget(total_tokens=0), end_on_exit=True) as block:
            assert 0 == block.rollup().num_events
            found = current_rollup()
            assert found is not None
            assert 0 == found.num_events
            block.check()
        assert current_label() is None
        assert not trace.get_current_span().get_span_context().is_valid


class TestLeftElsewhere:
    """A block that is left in another ``contextvars`` context than it was entered in, as in streaming generators."""

    @pytest.fixture(autouse=True)
    def _silent(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """Nothing is logged."""
        yield
        assert [] == caplog.records

    def _stream(self, app: App, **options: Any) -> Iterator[str]:
        with session("s", end_on_exit=True, **options):
            app.trace(1)
            yield "a"
            yield "b"

    @pytest.mark.parametrize("propagate", [False, True])
    def test_copied_contexts(self, app: App, *, propagate: bool) -> None:
        """A generator whose steps run each in a copy of the context, as a server's thread pool has it; the session ends."""
        steps = self._stream(app, propagate=propagate)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(3):
                pool.submit(contextvars.copy_context().run, lambda: next(steps, None)).result()
        assert current_label() is None
        app.turn()
        assert [("s", "end_on_exit", 15)] == [(one.session_id, one.end_reason, one.rollup.total_tokens) for one in app.records]

    def test_label_came_along(self, app: App) -> None:
        """In a copy that has the label, what follows is not in the session; the block around it is."""
        seen: list[Any] = []

        def rest(steps: Iterator[str]) -> None:
            seen.append(here(app))
            list(steps)
            seen.append(here(app))

        for outer in (None, "outer"):
            context = contextvars.copy_context()
            if outer is not None:
                context.run(session(outer).__enter__)
            steps = self._stream(app, propagate=True)
            context.run(next, steps)
            context.copy().run(rest, steps)
            seen.append(context.copy().run(baggage.get_baggage, "session.id"))
        assert ["s", None, "s", "s", "outer", "s"] == seen

    def test_async_generator(self, app: App) -> None:
        """One that is closed by another task."""

        async def stream() -> Any:
            async with session("s", end_on_exit=True):
                app.trace(1)
                yield "a"
                yield "b"

        async def first(steps: Any) -> str:
            found: str = await anext(steps)
            return found

        async def main() -> None:
            steps = stream()
            assert "a" == await asyncio.create_task(first(steps))
            await asyncio.create_task(steps.aclose())
            assert current_label() is None

        asyncio.run(main())
        app.turn()
        assert [("s", 15)] == [(one.session_id, one.rollup.total_tokens) for one in app.records]
