"""What is written of all recordings and cases: the texts are JSON, and add up to the totals beside them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._writing.detail_attributes import detail_attributes
from otel_session_agg._writing.rollup_attributes import attributes
from tests.recording.verdict import recordings
from tests.support.folding import folded_rollup, made_cases, rows
from tests.support.replay import Case, cases_in, load

_PARTS = [slice(part, None, 8) for part in range(8)]
_SUMMED = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"]]


def _figures(values: Mapping[str, Any], prefix: str = "") -> Counter[str]:
    """Tokens, and cost in picodollars, of a row or of a root."""
    found = Counter({name: values.get(prefix + name, 0) for name in _SUMMED})
    found["cost"] = round(values.get(f"{prefix}cost", 0) * 1e12)
    found["unpriced"] = values.get(f"{prefix}unpriced", values.get(n.NUM_UNPRICED_EVENTS, 0))
    return found


def _adds_up(written: Mapping[str, Any]) -> bool:
    texts = [json.loads(written[name]) for name in n.BREAKDOWNS if name in written]
    whole = _figures(written, "metadata.")
    return all(whole == sum(map(_figures, text.values()), Counter()) for text in texts)


class TestTexts:
    """Rows by model, agent and tool, as they are written."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_add_up(self, part: slice) -> None:
        """Their sums are the totals, money to the picodollar."""
        wrong: list[str] = []
        num_texts = 0
        for case in _cases()[part]:
            rollup = folded_rollup(rows(case))
            written = {**attributes(rollup), **detail_attributes(rollup)}
            num_texts += sum(name in written for name in n.BREAKDOWNS)
            if not _adds_up(written):
                wrong.append(case["id"])
        assert [] == wrong
        assert num_texts > len(_cases()[part])
