"""What a session is grouped by: values, and how they are merged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.dimensions import (
    MAX_VALUE_CHARS,
    Dimension,
    dimension_of,
    dimension_value,
    is_same,
    merged_dimensions,
)
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._setting_rules import MAX_DIMENSIONS


class Text(str):
    """A text whose own methods raise."""

    __slots__ = ()

    def strip(self, *_: Any) -> str:
        """Raise."""
        raise RuntimeError

    __str__ = __len__ = __getitem__ = strip  # type: ignore[assignment]  # what is tested


class TestValue:
    """``dimension_value``."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("acme", "acme"),
            (" acme ", "acme"),
            ("x" * 1000, "x" * MAX_VALUE_CHARS),
            pytest.param("x" * 10**6, "x" * MAX_VALUE_CHARS, id="long"),
            ("\ud800", "?"),
            (True, True),
            (0, 0),
            (2**63 - 1, 2**63 - 1),
            (0.5, 0.5),
            ("", None),
            ("  ", None),
            ("[Scrubbed due to 'session']", None),
            (2**63, None),
            pytest.param(10**5000, None, id="huge"),
            (float("nan"), None),
            (float("-inf"), None),
            (None, None),
            (b"acme", None),
            (("acme",), None),
            ({"a": 1}, None),
            (object(), None),
        ],
    )
    def test_values(self, value: object, expected: object) -> None:
        """Texts, flags and numbers are values, within bounds; nothing else is."""
        found = dimension_value(value)
        assert (type(expected), expected) == (type(found), found)

    def test_own_methods(self) -> None:
        """A text of a class of the application is its characters, whatever its methods do."""
        assert "acme" == dimension_value(Text("acme"))

    @given(st.from_type(object) | st.text() | st.binary() | st.floats() | st.integers() | st.lists(st.text()))
    def test_any(self, value: object) -> None:
        """Nothing raises, and what comes out is a value that stays as it is."""
        found = dimension_value(value)
        assert found is None or (type(found), found) == (type(dimension_value(found)), dimension_value(found))


class TestMerge:
    """``merged_dimensions``."""

    def test_first(self) -> None:
        """By name the earlier one counts, from whichever side."""
        early, late = {"a": Dimension(1, 9, "x"), "b": Dimension(5, 1, 1)}, {"a": Dimension(2, 1, "y"), "b": Dimension(4, 1, 2)}
        expected = {"a": Dimension(1, 9, "x"), "b": Dimension(4, 1, 2)}
        assert expected == merged_dimensions(early, late) == merged_dimensions(late, early)

    def test_nothing_new(self) -> None:
        """Where nothing is new, nothing is made anew."""
        known = {"a": Dimension(1, 9, "x")}
        assert known is merged_dimensions(known, {"a": Dimension(2, 1, "y")})
        assert known is merged_dimensions(known, {})

    def test_types(self) -> None:
        """Values of all types at once come to the same in both orders."""
        values: list[Any] = ["1", True, 1, 1.0]
        for one in values:
            for other in values:
                a, b = {"a": Dimension(1, 1, one)}, {"a": Dimension(1, 1, other)}
                found, again = merged_dimensions(a, b)["a"].value, merged_dimensions(b, a)["a"].value
                assert (type(found), found) == (type(again), again)

    @given(st.permutations([f"n{number:02}" for number in range(40)]), st.integers(1, 39))
    def test_bounded(self, names: list[str], at: int) -> None:
        """However many names come, in whatever order, the same ones stay."""
        parts = [SessionTotals(dimensions={name: Dimension(1, 1, "x") for name in some}) for some in (names[:at], names[at:])]
        found = (parts[0] + parts[1]).dimensions
        assert sorted(names)[:MAX_DIMENSIONS] == sorted(found)


class TestUser:
    """The user as a dimension."""

    def test_same(self) -> None:
        """It is the user of the session, whoever stated that."""
        totals = SessionTotals(user=At(5, 0, "ann"), dimensions={"user.id": Dimension(1, 1, "bob")})
        assert ("ann", {"user.id": "ann"}) == (totals.user_id, totals.dimension_values)

    def test_of_resource(self) -> None:
        """Where nobody else states one, a resource's is the user."""
        totals = SessionTotals(dimensions={"user.id": Dimension(1, 1, "bob")})
        assert ("bob", {"user.id": "bob"}) == (totals.user_id, totals.dimension_values)

    def test_not_named(self) -> None:
        """Where the settings do not name it, it is none."""
        totals = SessionTotals(user=At(5, 0, "ann"))
        assert ("ann", {}) == (totals.user_id, totals.dimension_values)

    @given(st.text() | st.sampled_from(["\ud800", "a" * 127 + " b", '"' * 300, " "]))
    def test_as_stored(self, user: str) -> None:
        """Whatever the user is called, it is a value that is read from a store again."""
        found = dimension_of(At(5, 0, user))
        assert found is None or is_same(found.value, dimension_value(found.value) or "")
