"""Totals as bytes for a store, and back."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details, FirstToken
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import (
    MAX_LABELS,
    MAX_LINKS,
    MAX_TRACES,
    RULES,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
)
from otel_session_agg._model.turns import Turn
from otel_session_agg._reasons import SESSION_ENDS
from otel_session_agg._setting_rules import MAX_DIMENSIONS
from otel_session_agg._sharing.decoding import MalformedError, decode, decode_part, decode_recorded
from otel_session_agg._sharing.encoding import SessionTotalsEncoder, encode, encode_part, encode_recorded, error_type
from otel_session_agg._sharing.parts import Part, Recorded
from otel_session_agg._sharing.stored_form import COUNTS, FLAGS, VERSION
from tests.unit.model.test_rollup import ROLLUPS
from tests.unit.model.test_session_totals import MEMBERS, TOTALS

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
"""Any characters but halves of surrogate pairs, which reading has replaced."""
_LATEST_NS = 2**63 - 1


def _in_time(rollup: Rollup) -> Rollup:
    """With times that OTLP carries."""
    times = {name: getattr(rollup, name) for name in ("start_ns", "end_ns")}
    return replace(rollup, **{name: min(at, _LATEST_NS) for name, at in times.items() if at is not None})


def _all_in_time(totals: SessionTotals) -> SessionTotals:
    members = sorted({member._replace(start_ns=min(member.start_ns, _LATEST_NS)) for member in totals.members})
    return replace(totals, rollup=_in_time(totals.rollup), members=tuple(members))


_PARTS = st.builds(
    Part,
    st.dictionaries(st.none() | _TEXT, ROLLUPS.map(_in_time), max_size=3),
    st.booleans(),
    st.booleans(),
    st.none() | _TEXT,
    st.integers(1, 2**63 - 2),
    st.lists(_TEXT, max_size=3).map(tuple),
)
_RECORDED = st.builds(
    Recorded, *2 * [st.integers(0, 2**63 - 2)], st.sampled_from(["", *sorted(SESSION_ENDS)]), st.integers(0, 2**63 - 1)
)
_READERS: list[Callable[[bytes], object]] = [decode, decode_part, decode_recorded]
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)
_FULL = SessionTotals(
    Rollup(
        num_events=3,
        prompt_tokens=0,
        has_feedback=True,
        start_ns=0,
        end_ns=9,
        models=frozenset({"a", "b"}),
        output=At(9, 1, "hi"),
        error=At(8, 2, "no"),
        session=At(1, 3, "s"),
        details=Details(
            by_model=Breakdown({"a": BreakdownRow(1, prompt_tokens=7), "other": BreakdownRow(2, duration_ns=5)}),
            by_agent=Breakdown({"none": BreakdownRow(3)}),
            by_tool=Breakdown({"t": BreakdownRow(1, 1)}),
            model_time=Coverage.of([(at, at + 5) for at in range(0, 1000, 10)]),
            tool_time=Coverage.of([(1, 9), (5, 7)]),
            busy_time=Coverage.of([(0, 9)]),
            latencies=Latencies.of([10**9, 2 * 10**9]),
            first_token=FirstToken(1, 2, 3),
            first_answer_ns=4,
        ),
    ),
    num_open=1,
    traces=frozenset({1, 2**128 - 1}),
    more_traces=2,
    members=(Member(1, 2, 3), Member(4, 2**128 - 1, 2**64 - 1)),
    num_roots=2,
    num_repeats=1,
    root_ns=11,
    num_parts=1,
    part_ns=5,
    user=At(1, 0, "u"),
    metadata={"plan": Labelled(1, "pro"), "n": Labelled(2, 3), "share": Labelled(3, 0.5), "is_new": Labelled(4, value=True)},
    dimensions={"tenant": Dimension(1, 2**64 - 1, "acme"), "n": Dimension(2, 0, 3), "on": Dimension(3, 1, value=True)},
    dearest_turn=Turn(5, 2**128 - 1, 7),
    first_input=At(1, 3, "why?"),
    last_began_ns=12,
    is_budget_exceeded=True,
    last_root=LastRoot(9, 2**128 - 1, 3),
    root_events=3,
    has_root_feedback=True,
    num_unsampled=1,
)
"""Totals with everything that totals can have."""
_FULL_PART = Part(
    {None: Rollup(num_events=1), "s": Rollup()},
    is_open=False,
    root=True,
    session_id="s",
    seq=7,
    included=("a", "b"),
    is_unsampled=True,
)


def _row(value: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(value)
    return row


def _bytes(row: object) -> bytes:
    return json.dumps(row).encode()


@pytest.mark.slow
class TestRoundTrip:
    """What is written is read again as it was."""

    @given(TOTALS.map(_all_in_time))
    def test_totals(self, totals: SessionTotals) -> None:
        """Totals of a session, whatever is in them."""
        back = decode(encode(totals))
        assert totals == back
        assert [type(label.value) for _, label in sorted(totals.metadata.items())] == [
            type(label.value) for _, label in sorted(back.metadata.items())
        ]

    @given(_PARTS)
    def test_part(self, part: Part) -> None:
        """A part of a trace."""
        assert part == decode_part(encode_part(part))

    @given(_RECORDED)
    def test_recorded(self, recorded: Recorded) -> None:
        """What a record was about."""
        assert recorded == decode_recorded(encode_recorded(recorded))

    def test_all_fields(self) -> None:
        """Everything that totals can have travels through the store, and through totals that grow."""
        assert [] == [name for name in RULES if getattr(_FULL, name) == getattr(SessionTotals(), name)]
        assert _FULL == GrowingTotals(_FULL).totals
        assert _FULL == decode(encode(_FULL))

    def test_equal_totals(self) -> None:
        """Equal totals are the same bytes, so two who write the same slot write the same."""
        again = replace(_FULL, traces=frozenset({2**128 - 1, 1}), rollup=replace(_FULL.rollup, models=frozenset({"b", "a"})))
        assert encode(_FULL) == encode(again)

    def test_largest(self) -> None:
        """The largest session that is ever written is read."""
        text = "\u20ac" * 1024
        names = [f"{number:02}{text}"[:1024] for number in range(MAX_LABELS)]
        totals = SessionTotals(
            Rollup(
                models=frozenset(f"{number:02}{text}"[:1024] for number in range(MAX_MODELS)),
                output=At(1, 1, "\u20ac" * 4096),
                error=At(1, 1, text),
            ),
            traces=frozenset(2**128 - 1 - number for number in range(MAX_TRACES)),
            members=tuple(Member(_LATEST_NS, 2**128 - 1, number) for number in range(MAX_LINKS)),
            metadata={name: Labelled(_LATEST_NS, 0.1) for name in names[:1]},
        )
        assert totals == decode(encode(totals))


class TestWords:
    """Totals that grow, written again and again."""

    @given(st.lists(st.lists(st.tuples(MEMBERS, st.booleans()), max_size=4), max_size=8))
    def test_as_they_are(self, written: list[list[tuple[Member, bool]]]) -> None:
        """Every time it is all that there is by then, in whatever order the roots came."""
        grown, words = GrowingTotals(_FULL), SessionTotalsEncoder()
        for roots in written:
            for member, is_part in roots:
                grown.add_root(member._replace(start_ns=min(member.start_ns, _LATEST_NS)), _LATEST_NS, is_part=is_part)
            assert grown.totals == decode(words.encode(grown))

    def test_beyond_the_links(self) -> None:
        """A root that is earlier than all others takes the place of the last one; traces are all there."""
        grown, words = GrowingTotals(), SessionTotalsEncoder()
        for number in range(2 * MAX_LINKS, 0, -1):
            grown.add_root(Member(number, number, 1), number, is_part=False)
            if number % 50 == 1:
                assert grown.totals == decode(words.encode(grown))
        assert [*range(1, MAX_LINKS + 1)] == [member.start_ns for member in decode(words.encode(grown)).members]

    def test_same_as_once(self) -> None:
        """What never grew is the same bytes as of totals written once."""
        assert encode(_FULL) == SessionTotalsEncoder().encode(GrowingTotals(_FULL))


@pytest.mark.slow
class TestMalformed:
    """What no process of this version wrote is refused, and nothing else happens."""

    @pytest.mark.parametrize("read", _READERS)
    @given(value=st.binary(max_size=60))
    def test_bytes(self, read: Callable[[bytes], object], value: bytes) -> None:
        """Bytes that are no value at all."""
        with pytest.raises(MalformedError):
            read(value)

    @pytest.mark.parametrize("read", _READERS)
    @given(row=_JSON)
    def test_other_json(self, read: Callable[[bytes], object], row: object) -> None:
        """JSON of another shape."""
        with pytest.raises(MalformedError):
            read(_bytes(row))

    @pytest.mark.parametrize("read", _READERS)
    @pytest.mark.parametrize("version", [0, VERSION + 1, "1", None, True, 1.0, [1], -1])
    def test_versions(self, read: Callable[[bytes], object], version: object) -> None:
        """Values of other versions, also those that look alike."""
        for value in (encode(_FULL), encode_part(_FULL_PART), encode_recorded(Recorded(1, 2))):
            with pytest.raises(MalformedError):
                read(_bytes({**_row(value), "v": version}))

    @pytest.mark.parametrize("read", _READERS)
    def test_no_version(self, read: Callable[[bytes], object]) -> None:
        """A value without a version."""
        for value in (encode(_FULL), encode_part(_FULL_PART), encode_recorded(Recorded(1, 2))):
            with pytest.raises(MalformedError):
                read(_bytes({name: field for name, field in _row(value).items() if name != "v"}))

    @pytest.mark.parametrize(
        ("read", "value"),
        [(decode, encode(_FULL)), (decode_part, encode_part(_FULL_PART)), (decode_recorded, encode_recorded(Recorded(1, 2)))],
    )
    def test_truncated(self, read: Callable[[bytes], object], value: bytes) -> None:
        """A value of which the end is missing, wherever it was cut."""
        for length in range(len(value)):
            with pytest.raises(MalformedError):
                read(value[:length])

    @pytest.mark.parametrize("read", _READERS)
    @pytest.mark.parametrize(
        "value",
        [
            b'{"v":1,"rollup":{},"pad":"' + b"x" * 2_000_000 + b'"}',
            b"[" * 500_000,
            b'{"a":' * 150_000,
            b'{"v":1,"rollup":{"num_events":' + b"9" * 500_000 + b"}}",
            b'{"v":1,"revision":' + b"9" * 500_000 + b',"version":1}',
            b'{"v":1,"revision":1e999,"version":1}',
        ],
        ids=["long", "deep", "deep-objects", "long-number", "long-revision", "infinite"],
    )
    def test_huge(self, read: Callable[[bytes], object], value: bytes) -> None:
        """Values that are too long, too deep or too large."""
        with pytest.raises(MalformedError):
            read(value)

    @pytest.mark.parametrize("read", _READERS)
    def test_others(self, read: Callable[[bytes], object]) -> None:
        """One kind of value is not another."""
        values = {decode: encode(_FULL), decode_part: encode_part(_FULL_PART), decode_recorded: encode_recorded(Recorded(1, 2))}
        for value in [value for own, value in values.items() if own is not read]:
            with pytest.raises(MalformedError):
                read(value)


_ID = f"{1:032x}"
_WRONG_TURNS: list[Any] = [
    *(("dearest_turn", wrong) for wrong in ["a", 1, {}, [1, "a", 2], [1.0, _ID, 2], [1, _ID]]),
    *(("dearest_turn", [1, _ID, wrong]) for wrong in ["a", True, 1.0, 10**31]),
    *(("first_input", wrong) for wrong in ["a", 1, [1, 2], [1, 2, None], [-1, 2, "a"], [1, 2.0, "a"]]),
]
_NEW: dict[str, Any] = {"dimensions": {}, "dearest_turn": None, "first_input": None}
"""Fields that version 0.4 did not write, with their defaults."""
_WRONG: list[Any] = [None, True, -1, 1.0, "1", [], {}, [1], {"a": 1}, "", float("nan")]
_IDS: list[object] = [
    "0" * 31,
    "0" * 33,
    "g" * 32,
    "-" + "0" * 30 + "1",
    "+" + "0" * 31,
    "0x" + "0" * 30,
    "1_" + "0" * 30,
    " " + "0" * 31,
    "\u0661" * 32,
    7,
    None,
]
"""None of them is a trace id in hexadecimal digits."""


_WRONG_PARTS: list[tuple[str, list[Any]]] = [
    ("parts", [None, 1, "", {}, [1], [["s"]], [[1, {}]], [["s", None]], [["s", {"num_events": True}]]]),
    ("open", [None, 0, 1, "true", []]),
    ("root", [None, 0, 1, "true", []]),
    ("session", [1, True, [], {}]),
    ("seq", _WRONG),
    ("included", [None, 1, "abc", {"a": 1}, [1], [None], [["a"]]]),
]


class TestWrongFields:
    """A value with one field that is wrong is refused as a whole."""

    @pytest.mark.parametrize("name", COUNTS)
    @pytest.mark.parametrize("wrong", _WRONG)
    def test_counts(self, name: str, wrong: object) -> None:
        """Counts are whole numbers from 0: no flag, no float, no text."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), name: wrong}))

    @pytest.mark.parametrize("name", ["num_events", "cost_pusd", "prompt_tokens", "start_ns", "end_ns"])
    @pytest.mark.parametrize("wrong", [*[wrong for wrong in _WRONG if wrong != -1], 10**31, -(10**31)])
    def test_rollup_numbers(self, name: str, wrong: object) -> None:
        """So are the numbers of a rollup."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], name: wrong}}))

    @pytest.mark.parametrize("name", ["start_ns", "end_ns"])
    @pytest.mark.parametrize("wrong", [-1, 2**63])
    def test_rollup_times(self, name: str, wrong: object) -> None:
        """Times are such that OTLP carries."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], name: wrong}}))

    def test_taken_back(self) -> None:
        """A slot may take back what another slot of its process had told."""
        back = SessionTotals(Rollup(num_events=-1, cost_pusd=-5, prompt_tokens=-3))
        assert back == decode(encode(back))

    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            [],
            "a",
            {"a": "b"},
            {"a": [1, 2]},
            {"a": [1, 2, None]},
            {"a": [1, 2, ["b"]]},
            {"a": [-1, 2, "b"]},
            {"a": [1, -2, "b"]},
            {"a": [1.0, 2, "b"]},
            {"a": [1, True, "b"]},
            {"a": [1, 2, ""]},
            {"a": [1, 2, " b"]},
            {"a": [1, 2, "b" * 129]},
            {"a": [1, 2, 2**63]},
            {"a": [1, 2, float("nan")]},
        ],
    )
    def test_dimensions(self, wrong: object) -> None:
        """Dimensions are times, ids of spans and values as they are written, and nothing else."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "dimensions": wrong}))

    @pytest.mark.parametrize(("name", "wrong"), _WRONG_TURNS)
    def test_turns(self, name: str, wrong: object) -> None:
        """What a turn has used and what the first was asked have their own form."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), name: wrong}))

    def test_many_dimensions(self) -> None:
        """Of more dimensions than are ever written those that sort first are read."""
        row = {**_row(encode(_FULL)), "dimensions": {f"n{number:03}": [1, 2, "b"] for number in reversed(range(200))}}
        assert [f"n{number:03}" for number in range(MAX_DIMENSIONS)] == list(decode(_bytes(row)).dimensions)

    def test_older(self) -> None:
        """What an older version wrote has neither dimensions nor turns, and is read."""
        row = {name: value for name, value in _row(encode(_FULL)).items() if name not in _NEW}
        assert replace(_FULL, **_NEW) == decode(_bytes(row))

    @pytest.mark.parametrize("wrong", [None, 1, 0, "true", [], {}, ["a"]])
    def test_flag(self, wrong: object) -> None:
        """A flag is true or false."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], "has_feedback": wrong}}))

    @pytest.mark.parametrize("wrong", [None, 1, True, "ab", {"a": 1}, [1], [None], [["a"]]])
    def test_models(self, wrong: object) -> None:
        """Models are a list of texts."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], "models": wrong}}))

    @pytest.mark.parametrize("name", ["output", "error", "session"])
    @pytest.mark.parametrize("wrong", [None, 1, "abc", [], [1, 2], [1, 2, 3], [1, -2, "a"], [True, 2, "a"], [1, 2, "a", 4], {}])
    def test_texts(self, name: str, wrong: object) -> None:
        """A text has its time and its span."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], name: wrong}}))

    def test_unknown_field(self) -> None:
        """A sum that this version does not know would be lost when totals are merged."""
        row = _row(encode(_FULL))
        with pytest.raises(MalformedError):
            decode(_bytes({**row, "rollup": {**row["rollup"], "num_dreams": 1}}))

    @pytest.mark.parametrize(
        "wrong", [None, 1, "not base64!", b64encode(b"x" * 15).decode(), b64encode(b"x" * 17).decode(), [], {}]
    )
    def test_traces(self, wrong: object) -> None:
        """Trace ids are whole."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "traces": wrong}))

    @pytest.mark.parametrize("wrong", _IDS)
    def test_member_trace(self, wrong: object) -> None:
        """The trace id of a member is 32 hexadecimal digits."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "members": [[1, wrong, "0" * 16]]}))

    @pytest.mark.parametrize(
        "wrong", [None, 1, {}, "", "abc", [1], [[1, "0" * 32]], [["1", "0" * 32, "0" * 16]], [[-1, "0" * 32, "0" * 16]]]
    )
    def test_members(self, wrong: object) -> None:
        """A member has a time and two ids."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "members": wrong}))

    @pytest.mark.parametrize("wrong", [1, True, "abc", [], [1, 2], [1, 2, 3], [1.0, 2, "a"]])
    def test_user(self, wrong: object) -> None:
        """A user has a time."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "user": wrong}))

    @pytest.mark.parametrize(
        "wrong",
        [None, 1, [], "a", {"a": 1}, {"a": []}, {"a": [1]}, {"a": [1, None]}, {"a": [1, [2]]}, {"a": [True, 1]}, {"a": [-1, 1]}],
    )
    def test_metadata(self, wrong: object) -> None:
        """A label has a time and a value that an attribute can have."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), "metadata": wrong}))

    @pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, all_ in _WRONG_PARTS for wrong in all_])
    def test_part(self, name: str, wrong: object) -> None:
        """A part is checked in all that it has."""
        with pytest.raises(MalformedError):
            decode_part(_bytes({**_row(encode_part(_FULL_PART)), name: wrong}))

    @pytest.mark.parametrize("name", ["parts", "open", "root", "session", "seq"])
    def test_part_without(self, name: str) -> None:
        """A part has all of its fields."""
        with pytest.raises(MalformedError):
            decode_part(_bytes({key: value for key, value in _row(encode_part(_FULL_PART)).items() if key != name}))

    @pytest.mark.parametrize("name", ["revision", "version"])
    @pytest.mark.parametrize("wrong", _WRONG)
    def test_recorded(self, name: str, wrong: object) -> None:
        """What a record was about is two counts."""
        with pytest.raises(MalformedError):
            decode_recorded(_bytes({**_row(encode_recorded(Recorded(1, 2))), name: wrong}))

    @pytest.mark.parametrize(("name", "wrong"), [("reason", 1), ("reason", None), ("ended_ns", "1"), ("ended_ns", 2**63)])
    def test_recorded_end(self, name: str, wrong: object) -> None:
        """Why and when it ended are a text and a time."""
        with pytest.raises(MalformedError):
            decode_recorded(_bytes({**_row(encode_recorded(Recorded(1, 2))), name: wrong}))

    def test_recorded_by_others(self) -> None:
        """Older versions did not say why and when, and newer ones may say what is not known here."""
        assert Recorded(1, 2) == decode_recorded(b'{"v":1,"revision":1,"version":2}')
        assert Recorded(1, 2, "", 3) == decode_recorded(b'{"v":1,"revision":1,"version":2,"reason":"new","ended_ns":3,"more":4}')

    @pytest.mark.parametrize("name", FLAGS)
    @pytest.mark.parametrize("wrong", [1, "true", None])
    def test_flags(self, name: str, wrong: object) -> None:
        """What is or is not is true or false."""
        with pytest.raises(MalformedError):
            decode(_bytes({**_row(encode(_FULL)), name: wrong}))

    @given(st.sampled_from(sorted(_row(encode(_FULL)))), _JSON)
    def test_any_field(self, name: str, value: object) -> None:
        """Whatever stands in a field, the value is refused or what is read can be written again."""
        try:
            totals = decode(_bytes({**_row(encode(_FULL)), name: value}))
        except MalformedError:
            return
        assert encode(totals) == encode(decode(encode(totals)))


class TestBounds:
    """What is read is bounded as what is written."""

    def test_all(self) -> None:
        """A value with more than this version writes is cut."""
        row = {
            **_row(encode(_FULL)),
            "members": [[number, f"{number + 1:032x}", f"{1:016x}"] for number in reversed(range(2 * MAX_LINKS))],
            "metadata": {f"n{number:03}": [1, 1] for number in range(2 * MAX_LABELS)},
            "rollup": {"models": [f"m{number:02}" for number in range(2 * MAX_MODELS)]},
        }
        totals = decode(_bytes(row))
        assert (MAX_LINKS, MAX_LABELS, MAX_MODELS) == (len(totals.members), len(totals.metadata), len(totals.rollup.models))
        assert 0 == totals.members[0].start_ns


class TestErrorType:
    """What is kept of the text of an error."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("TimeoutError: no answer to 'hello'", "TimeoutError"),
            ("openai.RateLimitError", "openai.RateLimitError"),
            ("KeyError", "KeyError"),
            ("Hello: how are you?", "error"),
            ("my secret Error: x", "error"),
            ("secretError of mine", "error"),
            ("", "error"),
            ("a" * 100_000 + "Error", "error"),
        ],
    )
    def test_type(self, text: str, expected: str) -> None:
        """The type, as far as the text surely begins with one."""
        assert expected == error_type(text)


class TestOlderVersion:
    """What 0.3.1 wrote, and what it can read: both versions may be on one store, as while an application is deployed."""

    SESSION = (
        b'{"v":1,"rollup":{"num_events":3,"num_model_events":2,"num_tool_events":1,"num_errors":1,"num_computed":2,'
        b'"cost_pusd":28000000000000,"num_winners":2,"prompt_tokens":8,"completion_tokens":10,"total_tokens":18,'
        b'"start_ns":1795879117339139918,"end_ns":1795879117402225631,"models":["m"],'
        b'"output":[1795879117378688501,7334259726702191470,"the answer"],'
        b'"error":[1795879117378688501,7334259726702191470,"ValueError: no"],'
        b'"session":[1795879117339139918,6942856316787410875,"s"]},"num_roots":2,"root_ns":41322502,'
        b'"last_began_ns":1795879117400481132,"user":[1795879117400481132,0,"ada"],'
        b'"metadata":{"plan":[1795879117400481132,"pro"],"n":[1795879117400481132,3],"x":[1795879117400481132,true]},'
        b'"traces":"8n4ZLp/4J9l2C8PuWgDXv4IdjbFLYhdJRlG266O1s1o=",'
        b'"members":[[1795879117339139918,"f27e192e9ff827d9760bc3ee5a00d7bf","6059fb0908b0c7bb"],'
        b'[1795879117400481132,"821d8db14b6217494651b6eba3b5b35a","26645b2a471730b2"]]}'
    )
    PART = (
        b'{"v":1,"parts":[[null,{"num_events":2,"num_model_events":1,"num_computed":1,"cost_pusd":30000000000000,"num_winners":1,'
        b'"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"start_ns":1795879117360431669,"end_ns":1795879117361133719,'
        b'"models":["m"]}]],"open":false,"root":false,"session":null,"seq":2}'
    )
    ROOT = b'{"v":1,"parts":[[null,{}]],"open":false,"root":true,"session":"s","seq":1,"included":["root:1"]}'
    RECORD = b'{"v":1,"revision":1,"version":5,"reason":"end_session","ended_ns":1795879117395931797}'
    FIELDS = frozenset(
        [
            "num_events",
            "num_model_events",
            "num_tool_events",
            "num_errors",
            "num_unpriced_events",
            "num_computed",
            "num_recorded",
            "cost_pusd",
            "num_winners",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
            "start_ns",
            "end_ns",
            "has_feedback",
            "models",
            "output",
            "error",
            "session",
        ]
    )
    """Of a rollup; it takes one with others for damaged."""

    def test_read(self) -> None:
        """What it wrote is read, whole."""
        totals, part, root = decode(self.SESSION), decode_part(self.PART), decode_part(self.ROOT)
        assert (18, 28 * 10**12, 2) == (totals.rollup.total_tokens, totals.rollup.cost_pusd, totals.num_traces)
        assert ({"plan", "n", "x"}, 2, 0) == ({*totals.metadata}, len(totals.members), totals.num_open)
        assert (25, 2, False) == (part.rollups[None].total_tokens, part.seq, part.root)
        assert (True, "s", ("root:1",)) == (root.root, root.session_id, root.included)
        assert Recorded(1, 5, "end_session", 1795879117395931797) == decode_recorded(self.RECORD)

    def test_large_numbers(self) -> None:
        """A number in metadata that no attribute can have leaves out only itself."""
        totals = decode(self.SESSION.replace(b",3]", b",%d]" % 10**30))
        assert (18, {"plan", "x"}) == (totals.rollup.total_tokens, {*totals.metadata})

    def test_written(self) -> None:
        """What is written has all that it needs, and in a rollup nothing that it does not know."""
        for value in (self.SESSION, encode(decode(self.SESSION))):
            row = json.loads(value)
            assert row["rollup"].keys() <= self.FIELDS
            assert 1 == row["v"]
            assert [3, 3] == [len(member) for member in row["members"]]
        again, before = json.loads(encode(decode(self.SESSION))), json.loads(self.SESSION)
        assert len(again.pop("traces")) == len(before.pop("traces"))  # in another order
        assert before == again
        assert json.loads(self.PART) == json.loads(encode_part(decode_part(self.PART)))
        assert json.loads(self.ROOT) == json.loads(encode_part(decode_part(self.ROOT)))
        assert json.loads(self.RECORD) == json.loads(encode_recorded(decode_recorded(self.RECORD)))
        assert {field.name for field in fields(Rollup)} - {"details"} <= self.FIELDS
        rollup = json.loads(encode(_FULL))["rollup"]
        part = json.loads(encode_part(_FULL_PART._replace(rollups={None: _FULL.rollup})))["parts"][0][1]
        assert rollup.keys() | part.keys() <= self.FIELDS
