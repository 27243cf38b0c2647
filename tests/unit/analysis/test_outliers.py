"""Which sessions stand out."""

from __future__ import annotations

from decimal import Decimal
from math import log

import pytest

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg.analysis._outliers import MIN_SAMPLE, find_outliers, not_judged
from tests.support.session_tables import HOSTILE, START, Given, Part, Tables


def given(name: str, cost: str, service: str = "shop") -> Given:
    """A session of a service."""
    return Given(name, START, [Part("model", "m", 1, 100, Decimal(cost))], dimensions={"service": service})


def spread(service: str, number: int = 20) -> list[Given]:
    """Sessions of 0.01 to 0.03 USD."""
    return [given(f"{service}-{place}", str(Decimal(10 + place) / 1000), service) for place in range(number)]


class TestFindOutliers:
    """Sessions that are far above the median of their segment."""

    def test_reason_in_words(self, tables: Tables) -> None:
        """It is said by what, by how much, and among how many."""
        [found] = find_outliers(tables([*spread("shop"), given("dear", "1")]), "service", 10)
        assert "cost 1 USD, 50.0 \N{MULTIPLICATION SIGN} the median of 0.02 USD (of 21 sessions of shop)" == found.reason
        assert "dear" == found.session

    def test_score(self, tables: Tables) -> None:
        """It is the distance from the median in median absolute deviations of the logarithm, times 0.6745."""
        [found] = find_outliers(tables([*spread("shop"), given("dear", "1")]), "service", 10)
        distances = sorted([*(abs(log((10 + place) / 20)) for place in range(20)), log(50)])
        assert 0.6745 * log(50) / distances[10] == pytest.approx(found.score)

    def test_each_segment_by_itself(self, tables: Tables) -> None:
        """What is usual in one segment stands out in another."""
        dear = [given(f"dear-{place}", str(1 + Decimal(place) / 10), "research") for place in range(20)]
        history = tables([*spread("shop"), *dear, given("odd", "1", "shop")])
        assert ["odd"] == [one.session for one in find_outliers(history, "service", 10)]
        assert [] == find_outliers(history, None, 10)

    def test_too_few_to_judge(self, tables: Tables) -> None:
        """A segment below the minimum is not judged, and its sessions are counted."""
        history = tables([*spread("shop", MIN_SAMPLE - 2), given("dear", "100")])
        assert ([], MIN_SAMPLE - 1) == (find_outliers(history, "service", 10), not_judged(history, "service"))

    def test_sessions_that_are_alike(self, tables: Tables) -> None:
        """Where all cost the same, a tenth more is no reason; three times as much is one."""
        alike = [given(f"s{place}", "0.5") for place in range(30)]
        history = tables([*alike, given("near", "0.55"), given("far", "1.5")])
        assert ["far"] == [one.session for one in find_outliers(history, None, 10)]

    def test_cheap_ones_are_none(self, tables: Tables) -> None:
        """Only what is above the median stands out."""
        assert [] == find_outliers(tables([*spread("shop"), given("cheap", "0.000001")]), None, 10)

    def test_hostile_segment(self, tables: Tables) -> None:
        """A foreign name in a reason is printable."""
        [found] = find_outliers(tables([*spread(HOSTILE), given("dear", "1", HOSTILE)]), "service", 10)
        assert found.reason.isprintable()

    def test_limit(self, tables: Tables) -> None:
        """Those with the highest scores are kept."""
        history = tables([*spread("shop", 30), *(given(f"dear-{cost}", str(cost)) for cost in (2, 4, 3))])
        assert ["dear-4", "dear-3"] == [one.session for one in find_outliers(history, "service", 2)]

    @pytest.mark.parametrize("segment", ["servise", "model"])
    def test_unknown_segment(self, tables: Tables, segment: str) -> None:
        """The error says which there are; models are none, for a session may call several."""
        with pytest.raises(SessionAggError, match=f"no session has a value for {segment}; there are: user, service$"):
            find_outliers(tables(spread("shop")), segment, 10)
