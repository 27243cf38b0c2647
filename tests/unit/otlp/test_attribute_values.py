"""Python's values as attribute values of OTLP."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from msgspec import convert
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList

from otel_session_agg._otlp import json_values, otlp_protobuf
from otel_session_agg._otlp.attribute_values import add_to_message, pairs_as_json
from otel_session_agg._otlp.json_structs import Pairs
from tests.support.otlp import ATTRIBUTES


def _through_protobuf(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    message = KeyValueList()
    add_to_message(message.values, attributes)
    return otlp_protobuf.attributes_of(message.values)


def _through_json(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    text = json.dumps({"values": pairs_as_json(attributes)}, allow_nan=False)
    wrong: list[str] = []
    found = json_values.attributes_of(convert(json.loads(text), Pairs).values, wrong)
    assert [] == wrong
    return found


@pytest.mark.parametrize("through", [_through_protobuf, _through_json])
class TestBothForms:
    """In protobuf and in JSON."""

    @given(attributes=ATTRIBUTES)
    def test_back(self, through: Any, attributes: Mapping[str, Any]) -> None:
        """What is read is what was written."""
        assert dict(attributes) == through(attributes)

    def test_odd_values(self, through: Any) -> None:
        """Numbers that OTLP does not have and values of unknown types are written as far as they can be."""
        given_values = {
            "large": 2**70,
            "huge": 10**400,
            "low": -(10**400),
            "other": object(),
            "inf": math.inf,
            "low_inf": -math.inf,
        }
        expected = {"large": 2.0**70, "huge": math.inf, "low": -math.inf, "other": None, "inf": math.inf, "low_inf": -math.inf}
        assert expected == through(given_values)
        assert math.isnan(through({"nan": math.nan})["nan"])
