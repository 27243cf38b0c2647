"""Attacks by what applications, models and their users write: values of every type, shape and size under every key that is read."""

from __future__ import annotations

import gc
import math
import random
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, IntEnum
from functools import cache
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import PriceBook, SessionSpanProcessor
from otel_session_agg._model.span import SpanData, SpanEvent, Usage
from otel_session_agg._reading import objects as _objects
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.emitters import STREAMING_KEYS
from otel_session_agg._reading.span import INPUTS

from .kit import attack

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 5}
SMALL, GROWTH = 8192, 8
MOST = 3 * GROWTH
"""How much longer what is ``GROWTH`` times as large may take: the square of that would be ``GROWTH`` times more again."""
_FLOOR_SECONDS = 200e-6
_MOST_BYTES_PER_CHARACTER = 400
"""Of what a text stands for: an object in JSON has three characters for sixty bytes."""
_BEST_OF, _TRIES = 3, 4

# -- texts ----------------------------------------------------------------------------------------------------------------

TEXTS: Mapping[str, tuple[str, str, str]] = {
    "word": ("", "a", ""), "words": ("", "ab ", ""), "joined": ("", "a_", "="), "digits": ("", "1", ""), "blanks": ("", " ", ""),
    "lines": ("", "\n", ""), "quotes": ("", '"', ""), "single quotes": ("", "'", ""), "backslashes": ('{"a":"', "\\", ""),
    "unicode digits": ("", "\u0663", ""), "superscripts": ("1", "\u00b2", ""), "blanks beyond ASCII": ("", "\u2003", ""),
    "surrogates": ("", "\ud800", ""), "beyond the plane": ("", "\U0001f600", ""), "nulls": ("", "\0", ""),
    "braces": ("", "{", ""), "pairs of braces": ("", "{}", ""), "brackets": ("", "[", ""), "pairs of brackets": ("", "[]", ""),
    "parentheses": ("", "(", ""), "depth": ("", '{"a":', ""), "depth of lists": ('{"a":', "[", ""),
    "depth in repr": ("", "{'a':", ""), "nests": ("", '{"a":' * 60 + "1" + "}" * 60 + ",", ""),
    "nested lists": ("{", '"a":' + "[" * 60 + "]" * 60 + ",", '"z":1}'), "names": ("", "usage=", ""), "pairs": ("", "a=1,", ""),
    "calls": ("", "usage=Usage(", ""), "usage": ("", "'usage': {", ""), "quoted usage": ("", '"usage": {', ""),
    "metadata": ("", '"meta": {"', ""), "closed metadata": ("", '"meta": {x} ', ""), "open metadata": ('"meta": {', "{a} ", ""),
    "models": ("", '"model": "', ""), "llm": ("", '"llm": "a', ""), "thread ids": ("", '"thread_id": "', ""),
    "costs": ("", '"cost":', ""), "speeds": ('"speed"', " ", ""), "open speeds": ("{", '"speed" : ', ""),
    "tier": ('{"service_tier', " ", '":1'), "hint": ("{'cost", "'", "':1"),
    "digits in JSON": ('{"usage":{"input_tokens":', "9", "}}"), "digits in repr": ("{'usage': {'input_tokens': ", "9", "}}"),
    "fractions": ('{"a":0.', "9", "}"), "exponents": ('{"a":1e', "9", "}"), "signs": ("{'a': ", "-", "1}"),
    "sums": ("{'a': 1", "+1", "}"), "texts in a row": ("{", "'a' ", "}"), "dots": ("{'a': a", ".a", "}"),
    "calls in repr": ("{'a': a", "()", "}"), "formats": ("{f'", "{", "'}"), "comments": ("{#", "\n#", "}"),
    "objects": ('{"usage":[', '{"input_tokens":1},', "{}]}"), "iterations": ('{"iterations":[', '{"type":"message","input_tokens":1},', "{}]}"),
    "texts of usage": ('{"a":[', '"usage=Usage(x=1",', '""]}'), "queries": ('{"grounding_metadata":{"web_search_queries":[', '"a",', '"b"]}}'),
}  # fmt: skip
"""What is repeated to the wanted size, with what stands before and behind it."""


def text(name: str, size: int) -> str:
    """The text of that name, of about ``size`` characters."""
    if name == "long name":  # one that would be repeated in front of each that stands below it
        return '{"' + "k" * (size // 2) + '":{' + ",".join(f'"{number}":1' for number in range(size // 16)) + "}}"
    if name == "many names":
        return "{" + ",".join(f'"{number:05}":1' for number in range(size // 10)) + "}"
    head, unit, tail = TEXTS[name]
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


NAMES = (*TEXTS, "long name", "many names")


# -- values ---------------------------------------------------------------------------------------------------------------


def _raise(*_: object) -> Any:
    message = "hostile"
    raise RuntimeError(message)


class _Text(str):
    __slots__ = ()
    __len__ = __getitem__ = __contains__ = __eq__ = __lt__ = __hash__ = __iter__ = __bool__ = _raise
    strip = lower = startswith = find = isdigit = isascii = __str__ = __repr__ = __format__ = _raise


class _Int(int):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = __str__ = __repr__ = __index__ = _raise


class _Float(float):
    __slots__ = ()
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = __str__ = __repr__ = __float__ = _raise
    is_integer = as_integer_ratio = _raise


class _Word(str, Enum):
    CHAT = "chat"


class _Number(IntEnum):
    ONE = 1


HUGE = 10**1_000_000
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 10**400, HUGE, -HUGE, 1.5, -0.0, 5e-324, 1e308, math.nan, math.inf, -math.inf,
    "", " ", '"', '""', "\u2003", "\u2003a\u2003", "\u00b2", "1\u00b2", "\u0663", "\ud800", "a\ud800", "\x00", "\x85", "a\n2026 root: forged",
    "1e1000000", "1e-1000000", "1e999999999999999999", "1e-999999999999999999", "0x10", "1_000", "NaN", "-1", "9" * 40, "9" * 5000,
    "{", "[", "{}", "[]", "{1: 2}", '{"usage": null}', '{"usage": {"input_tokens": 1e400}}', '{"usage": {"input_tokens": ' + "9" * 5000 + "}}",
    '{"a":' * 5000, "[" * 5000, '{"a":' * 900 + "1" + "}" * 900, "{'a':" * 900 + "1" + "}" * 900, "x" * 1025, "\U0001f600" * 1025,
    b"", b"\xff", (), ("a",), ("\ud800",), (1, 2), [1], {"a": 1}, {1: 2}, object(), _Text("chat"), _Text('{"usage": {"input_tokens": 3}}'),
    _Int(3), _Float(3.0), _Word.CHAT, _Number.ONE, frozenset({1}), range(3), 1j, Ellipsis, type,
)  # fmt: skip
"""Of each type, what readers may stumble over."""


# -- what is read ---------------------------------------------------------------------------------------------------------


class Reader(NamedTuple):
    """A key, and a scope in which it is read, for each way of reading."""

    scope: str
    key: str
    hint: str


@cache
def keys() -> tuple[str, ...]:
    """All keys that are read."""
    index = reading.INDEX
    asked = (
        key
        for row in index.emitters
        for key in (*row.has, *row.lacks, *(pair[0] for pair in (row.contains, row.matches) if pair))
    )
    return tuple(sorted({*index.entries, *asked, *INPUTS, *STREAMING_KEYS, "exception.message", "metadata", "session.id"}))


@cache
def scopes() -> tuple[str, ...]:
    """Scopes that are read in ways of their own, by their names or by what these begin with."""
    index = reading.INDEX
    named = (getattr(entry.row, "scopes", ()) for entries in index.entries.values() for entry in entries)
    return tuple(
        sorted({"", *(scope for row in index.emitters for scope in row.scopes), *(scope for found in named for scope in found)})
    )


@cache
def readers() -> tuple[Reader, ...]:
    """One key for each way of reading."""
    found: dict[object, Reader] = {}
    for key, entries in reading.INDEX.entries.items():
        for entry in entries:
            row = entry.row
            how = [
                str(getattr(row, name, "")) for name in ("shape", "path", "search", "within", "pattern", "terms", "by_provider")
            ]
            place = (getattr(row, "scopes", ()) or ("",))[0]
            found.setdefault(
                (entry.meaning, type(row), *how), Reader(place, key, getattr(row, "hint", "") or getattr(row, "search", ""))
            )
    return tuple(found.values())


def span(attributes: Mapping[str, Any], scope: str = "", version: str = "", name: str = "span", **more: Any) -> SpanData:
    """A span with these attributes."""
    return SpanData(name, 1, 2, 3, "INTERNAL", scope, version, 1, 2, attributes, **more)


# -- growth ---------------------------------------------------------------------------------------------------------------


def seconds(run: Callable[[], object]) -> float:
    """CPU time of this thread, the least of some runs; what was parsed before is forgotten."""
    best = math.inf
    for _ in range(_BEST_OF):
        _objects.parsed.cache_clear()
        began = time.thread_time()
        run()
        best = min(best, time.thread_time() - began)
    return best


def grows(make: Callable[[int], Callable[[], object]], size: int = SMALL) -> float:
    """How many times as long something takes that is ``GROWTH`` times as large: the least of some tries, if it is too much."""
    small, large = make(size), make(GROWTH * size)
    found = math.inf
    for _ in range(_TRIES):
        found = min(found, seconds(large) / max(seconds(small), _FLOOR_SECONDS))
        if found <= MOST:
            break
    return found


def _reading(scope: str, attributes: Callable[[int], Mapping[str, Any]], **more: Any) -> Callable[[int], Callable[[], object]]:
    def make(size: int) -> Callable[[], object]:
        one = span(attributes(size), scope, **more)
        return lambda: reading.read(one)

    return make


def _all_at_once(scope: str, name: str) -> Callable[[int], Callable[[], object]]:
    def attributes(size: int) -> Mapping[str, Any]:
        value = text(name, size)
        return {key: value for key in keys() if key not in CALL} | CALL

    return _reading(scope, attributes)


def _alone(reader: Reader, name: str) -> Callable[[int], Callable[[], object]]:
    def attributes(size: int) -> Mapping[str, Any]:
        value = text(name, size)
        return {**CALL, reader.key: value.replace("usage", reader.hint) if reader.hint else value}

    return _reading(reader.scope, attributes)


@attack(short=25, long=5000)
def growth(chance: random.Random, rounds: int) -> None:
    """Reading takes a time that is linear in the size of what is read, whatever stands in it, and under whichever key."""
    pairs = [(reader, name) for reader in readers() for name in NAMES]
    for reader, name in chance.sample(pairs, min(rounds, len(pairs))):
        assert grows(_alone(reader, name)) <= MOST, (reader, name)
    together = [(scope, name) for scope in scopes() for name in NAMES]
    for scope, name in chance.sample(together, min(rounds // 3, len(together))):
        assert grows(_all_at_once(scope, name)) <= MOST, (scope, name)


@attack(short=1, long=20)
def growth_elsewhere(_: random.Random, rounds: int) -> None:
    """So does reading names: of spans, scopes, versions, events and attributes, few of them or many."""
    makes: dict[str, Callable[[int], Callable[[], object]]] = {
        "span name": lambda size: lambda: reading.read(span(CALL, name="a." * size)),
        "scope": lambda size: lambda: reading.read(span(CALL, "s" * size)),
        "version": lambda size: lambda: reading.read(span(CALL, f"s{size}", "1." * size)),
        "event": lambda size: (
            lambda: reading.read(span(CALL, events=(SpanEvent("e" * size, {"exception.message": "m" * size}),) * 9))
        ),
        "status": lambda size: lambda: reading.read(span(CALL, failed=True, status_description="d" * size)),
        "attribute name": lambda size: lambda: reading.read(span({**CALL, "k" * size: 1})),
        "attribute names": lambda size: lambda: reading.read(span({**CALL, **{f"k{number}": 1 for number in range(size // 8)}})),
        "events": lambda size: lambda: reading.read(span(CALL, failed=True, events=(SpanEvent("e", {}),) * (size // 8))),
    }
    for _round in range(rounds):
        for name, make in makes.items():
            assert grows(make) <= MOST, name


@attack(short=6, long=2000)
def growth_of_prices(chance: random.Random, rounds: int) -> None:
    """A price of a name that nobody knows is looked for in a time that is linear in its length."""
    book, number = PriceBook({"*a*a*a*b": {"input": 1}, "?x*/y*z*": {"input": 1}}), [0]
    fields = ("provider", "model", "server_address", "service_tier")

    def make(name: str, field: str) -> Callable[[int], Callable[[], object]]:
        def sized(size: int) -> Callable[[], object]:
            value = text(name, size)

            def run() -> object:
                number[0] += 1  # not the one that is remembered
                named = {"provider": "openai", "model": "gpt-4o", field: f"{value}{number[0]}"}
                return book.cost_pusd(
                    provider=named["provider"],
                    models=(named["model"],),
                    usage=Usage(1, 1, 2),
                    at_ns=1_790_000_000_000_000_000,
                    server_address=named.get("server_address"),
                    service_tier=named.get("service_tier"),
                )

            return run

        return sized

    book.cost_pusd(provider="openai", models=("gpt-4o",), usage=Usage(1, 1, 2), at_ns=1_790_000_000_000_000_000)
    pairs = [(name, field) for name in NAMES for field in fields]
    for name, field in [("word", "model"), *chance.sample(pairs, min(rounds, len(pairs)))]:
        assert grows(make(name, field), 60) <= 2 * MOST, (name, field)


@attack(short=2, long=50)
def growth_of_numbers(chance: random.Random, rounds: int) -> None:
    """Numbers of any length are read, or refused, without a look at all of their digits."""

    def attributes(size: int) -> Mapping[str, Any]:
        return dict.fromkeys(keys(), 10**size) | CALL

    for scope in chance.sample(scopes(), min(rounds, len(scopes()))):
        assert grows(_reading(scope, attributes), 20_000) <= MOST, scope


@attack(short=15, long=5000)
def growth_of_memory(chance: random.Random, rounds: int) -> None:
    """So is the memory that reading takes meanwhile."""
    pairs = [(reader, name) for reader in readers() for name in NAMES]
    found = [*chance.sample(pairs, min(rounds, len(pairs))), (Reader("", "gen_ai.usage.raw", ""), "long name")]
    for reader, name in found:
        run = _alone(reader, name)(GROWTH * SMALL)
        _objects.parsed.cache_clear()
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= _MOST_BYTES_PER_CHARACTER * GROWTH * SMALL, (reader, name, peak)


# -- nothing raises, nothing is lost --------------------------------------------------------------------------------------


def hostile(chance: random.Random) -> Any:
    """Some value."""
    return chance.choice(VALUES) if chance.random() < 0.7 else text(chance.choice(NAMES), chance.choice((20, 300, 3000)))


@attack(short=1000, long=1_000_000)
def nothing_raises(chance: random.Random, rounds: int) -> None:
    """Whatever stands under a key, a span is read, and quickly."""
    for _ in range(rounds):
        attributes = {chance.choice(keys()): hostile(chance) for _ in range(chance.choice((1, 2, 5, 60)))}
        version = chance.choice(("", "1.0", "1.\u00b2", "\u0663.1", "9" * 100_000, "1." * 1000))
        events = (SpanEvent("exception", {"exception.message": hostile(chance), "exception.type": hostile(chance)}),)
        one = span(
            CALL | attributes,
            chance.choice(scopes()),
            version,
            events=events if chance.random() < 0.3 else (),
            failed=chance.random() < 0.2,
        )
        began = time.thread_time()
        reading.read(one)
        assert time.thread_time() - began < 5.0, one  # what takes no time at all but is not linear takes minutes


class _Names(SpanExporter):
    """Keeps names and how many events each root says it has."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object]] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep them."""
        self.seen += [(one.name, (one.attributes or {}).get("metadata.num_events")) for one in spans if one.name != "session"]
        return SpanExportResult.SUCCESS


@attack(short=150, long=50_000)
def nothing_is_lost(chance: random.Random, rounds: int) -> None:
    """Whatever stands on spans, they all leave once, roots with their totals, and nothing of ours fails."""
    exporter = _Names()
    provider = TracerProvider(shutdown_on_exit=False)
    processor = SessionSpanProcessor(
        SimpleSpanProcessor(exporter), settings={"profiles": ("default", "honeyhive", "phoenix", "posthog")}
    )
    provider.add_span_processor(processor)
    for number in range(rounds):
        tracer = provider.get_tracer(chance.choice(scopes()) or "faults")
        own = {chance.choice((*keys(), "metadata")): hostile(chance) for _ in range(3)} if chance.random() < 0.5 else {}
        with tracer.start_as_current_span(f"root-{number}", attributes=own):
            for _ in range(2):
                with tracer.start_as_current_span("child") as child:
                    child.set_attributes(
                        dict[str, Any](CALL) | {chance.choice(keys()): hostile(chance) for _ in range(chance.choice((1, 3, 40)))}
                    )
    provider.shutdown()
    assert {} == processor._span_worker.faults()
    roots = [(name, events) for name, events in exporter.seen if name.startswith("root-")]
    assert sorted(f"root-{number}" for number in range(rounds)) == sorted(name for name, _ in roots)
    assert 2 * rounds == sum(name == "child" for name, _ in exporter.seen)
    assert [] == [name for name, events in roots if not isinstance(events, int) or events < 2]


# -- memory ---------------------------------------------------------------------------------------------------------------


def _kept_bytes(make: Callable[[int], Mapping[str, Any]], number: int, scope: Callable[[int], str]) -> int:
    """What stays in memory of so many traces that have left."""
    processor = SessionSpanProcessor(SimpleSpanProcessor(_Names()), prices={})

    def run(one: int) -> None:
        provider = TracerProvider(shutdown_on_exit=False)  # it keeps the names of scopes itself
        provider.add_span_processor(processor)
        with provider.get_tracer(scope(one)).start_as_current_span("root"):
            provider.get_tracer(scope(one)).start_span("child", attributes=dict(make(one))).end()

    run(-1)
    processor.force_flush()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for one in range(number):
        run(one)
        if one % 50 == 49:
            processor.force_flush()
    processor.force_flush()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    processor.shutdown()
    return after - before


_LONG = "\U0001f600"
_MEMORY: Mapping[str, tuple[Callable[[int], Mapping[str, Any]], Callable[[int], str]]] = {
    "attribute names": (lambda one: {**CALL, f"{one}" + "k" * 200_000: 1}, lambda _: "faults"),
    "many attribute names": (
        lambda one: {**CALL, **{f"{one}.{number}" + "k" * 500: 1 for number in range(40)}},
        lambda _: "faults",
    ),
    "metadata": (
        lambda one: {**CALL, "session.id": f"s{one}", "metadata": f'{{"a{one}": "{"v" * 200_000}"}}'},
        lambda _: "faults",
    ),
    "kinds": (lambda one: {**CALL, "gen_ai.operation.name": f"{one}" + _LONG * 50_000}, lambda _: "faults"),
    "models": (lambda one: {**CALL, "gen_ai.request.model": f"{one}" + _LONG * 50_000}, lambda _: "faults"),
    "sessions": (lambda one: {**CALL, "session.id": f"{one}" + _LONG * 50_000}, lambda _: "faults"),
    "outputs": (lambda one: {**CALL, "output.value": f"{one}" + _LONG * 50_000}, lambda _: "faults"),
    "scopes": (lambda _: CALL, lambda one: f"{one}" + "s" * 200_000),
}
_KEPT_BYTES = 40_000
"""Of a trace that has left: a few names of 1,024 characters each, not what was written."""


@attack(short=15, long=2000)
def memory(_: random.Random, rounds: int) -> None:
    """What stays in memory of what is written has a bound in bytes."""
    for name, (make, scope) in _MEMORY.items():
        kept = _kept_bytes(make, rounds, scope)
        assert kept <= _KEPT_BYTES * rounds, (name, kept)
