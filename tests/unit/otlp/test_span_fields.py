"""What formats share: keys of attributes."""

from __future__ import annotations

from otel_session_agg._otlp.json_structs import Pair, Value
from otel_session_agg._otlp.json_values import attributes_of
from otel_session_agg._otlp.span_fields import KEYS, MAX_KEYS, kept_key


def _keys_of(*keys: str) -> list[str]:
    return list(attributes_of([Pair(key, Value(stringValue="a")) for key in keys], []))


class TestKeys:
    """``KEYS``."""

    def test_shared(self) -> None:
        """Spans share their keys."""
        [first], [second] = _keys_of("some.key"), _keys_of(str(b"some.key", "ascii"))
        assert first is second

    def test_bound(self) -> None:
        """However many keys come, few are kept, and each is what it is."""
        keys = [f"key.{number}" for number in range(2 * MAX_KEYS + 10)]
        assert keys == _keys_of(*keys)
        assert len(KEYS) <= MAX_KEYS
        assert keys[:9] == _keys_of(*keys[:9])

    def test_long(self) -> None:
        """Long keys are not kept; an empty one is a key."""
        assert ["k" * 10_000, ""] == _keys_of("k" * 10_000, "")
        assert "k" * 10_000 not in KEYS

    def test_alike(self) -> None:
        """Keys that only look alike stay apart."""
        keys = ["a", "A", "a ", "\u0061\u0301", "\u00e1", "a\0"]
        assert keys == _keys_of(*keys, *keys)
        assert keys == [kept_key(key) for key in keys]
