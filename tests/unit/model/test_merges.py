"""Fields of totals declare how they are merged."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from otel_session_agg import Rollup
from otel_session_agg._model import merges
from otel_session_agg._model.merges import SUM, Rule, merged, rules_of
from otel_session_agg._model.session_totals import Labelled, SessionTotals


class TestRulesOf:
    """The rules that a class of totals declares."""

    def test_in_order(self) -> None:
        """They are those of the fields, in their order."""
        assert "num_events" == next(iter(rules_of(Rollup)))
        assert SUM == rules_of(SessionTotals)["num_roots"]

    def test_none(self) -> None:
        """A field that declares none cannot be added: what it says would be lost when totals are merged."""

        @dataclass
        class _Totals:
            a: int = merged(SUM, 0)
            b: int = 0
            c: int = 0

        with pytest.raises(TypeError, match=r"_Totals: no rule for b, c"):
            rules_of(_Totals)

    def test_in_use(self) -> None:
        """There is no rule that no field has, and no two have the same name."""
        used = {*rules_of(Rollup).values(), *rules_of(SessionTotals).values()}
        assert {rule for rule in vars(merges).values() if isinstance(rule, Rule)} <= used
        assert len(used) == len({rule.name for rule in used})


class TestBySlots:
    """A frozen data class with factories, whose fields are set by their slots."""

    def test_factory(self) -> None:
        """What a factory makes is made anew for each of them; what is given is kept."""
        first, second, given = SessionTotals(), SessionTotals(), {"tier": Labelled(1, "gold")}
        assert {} == first.metadata == second.metadata
        assert first.metadata is not second.metadata
        assert given is SessionTotals(metadata=given).metadata

    def test_frozen(self) -> None:
        """No field can be set later, and copies are equal."""
        totals = SessionTotals(num_open=1)
        with pytest.raises(FrozenInstanceError):
            totals.num_open = 2  # type: ignore[misc]
        assert type(totals) is SessionTotals
        assert totals == pickle.loads(pickle.dumps(totals)) == replace(totals)  # noqa: S301 -- our own
