"""Backends that keep attributes as texts, such as ClickHouse and Zipkin, lose nothing that counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_session_agg._model.span import SpanData
from otel_session_agg._reading.plan import Scopes
from otel_session_agg._reading.span import INDEX, read
from tests.recording.verdict import recordings
from tests.support.replay import cases_in, load

_FILES = {path.name.removesuffix(".jsonl.gz"): path for path in recordings()}


def _as_texts(attributes: dict[str, Any]) -> dict[str, str]:
    """The attributes as the collector makes texts of them."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in attributes.items()
        if value is not None
    }


def _changed(cases: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Where a reading is another one when its attributes are texts."""
    scopes = Scopes(INDEX)
    spans = [
        (case["id"], SpanData(one["name"], 1, 2, None, "INTERNAL", one.get("scope") or "", "", 1, 2, one["attributes"]))
        for case in cases
        for one in case["spans"]
    ]
    return [
        (case, span.name)
        for case, span in spans
        # outputs are shown as they are kept
        if read(span, scopes)._replace(output=None)
        != read(span._replace(attributes=_as_texts(span.attributes)), scopes)._replace(output=None)  # type: ignore[arg-type]
    ]


class TestTexts:
    """Attributes as texts."""

    @pytest.mark.parametrize("stack", _FILES)
    def test_recorded(self, stack: str) -> None:
        """Every recorded span says the same."""
        assert [] == _changed(cases_in(_FILES[stack]))

    @pytest.mark.parametrize("name", ["spans", "reports", "recordings", "stacks"])
    def test_cases(self, name: str) -> None:
        """So does every other one."""
        assert [] == _changed(load(name))
