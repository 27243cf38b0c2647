"""Stores by URL."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._exceptions import StoreError
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores import (
    MemoryStore,
    RedisStore,
    SqliteStore,
    open_store,
)
from tests.support.scripts import printed
from tests.support.stores import put


class TestOpening:
    """Stores by URL."""

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("memory://", MemoryStore),
            ("sqlite:///sessions.db", SqliteStore),
            ("sqlite:////var/lib/nobody/sessions.db", SqliteStore),
            ("redis://nowhere.invalid", RedisStore),
            ("rediss://user:secret@nowhere.invalid:6380/1?prefix=p&socket_timeout=3", RedisStore),
            ("valkey://nowhere.invalid", RedisStore),
            ("valkeys://nowhere.invalid", RedisStore),
            ("rediss+cluster://nowhere.invalid", RedisStore),
            ("valkeys+cluster://nowhere.invalid", RedisStore),
        ],
    )
    def test_kinds(self, url: str, kind: type) -> None:
        """A URL names a store, which is not opened yet, so nothing has to be there."""
        store = open_store(url)
        assert isinstance(store, kind)
        store.close()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "memory",
            "memory://there",
            "postgres://user:secret@host/db",
            "sqlite://",
            "sqlite:///",
            "sqlite://sessions.db",
            "sqlite:///:memory:",
            "sqlite:///sessions.db?timeout=secret&password=secret",
            "redis://:se/secret@host:6379",
            "redis://user:secret@host:port",
            "redis://[user:secret@host",
        ],
    )
    def test_wrong(self, url: str) -> None:
        """What is wrong is named, with what is right, and without passwords."""
        with pytest.raises(StoreError, match=r"memory://|redis://") as raised:
            open_store(url)
        assert isinstance(raised.value, SessionAggError)
        assert "password=secret" not in str(raised.value)
        assert "secret@" not in str(raised.value)
        assert raised.value.__cause__ is None

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://user:pa:s@s@host:6379/0", "redis://user:***@host:6379/0"),
            ("redis://:secret@host", "redis://:***@host"),
            ("redis://host:6379?ssl_password=x&prefix=p", "redis://host:6379?ssl_password=***&prefix=p"),
            ("redis://TOKEN@host", "redis://***@host"),
            ("redis://TOKEN:@host", "redis://***@host"),
            ("redis://TO/K?E@N@host:1/0", "redis://***@host:1/0"),
            ("redis://u:a/b?c#d@host", "redis://u:***@host"),
            ("redis://host?pass=x", "redis://host?pass=***"),
            ("redis://host?PWD=x&pass%77ord=y&db=1&k=z w", "redis://host?PWD=***&pass%77ord=***&db=1&k=***"),
            ("unix://:pw@/run/redis.sock?db=0", "unix://:***@/run/redis.sock?db=0"),
            ("unix:///run/redis.sock?password=x", "unix:///run/redis.sock?password=***"),
            ("host:6379,password=abc=,ssl=True", "host:6379,password=***,ssl=True"),
            ("user:pw@host", "***@host"),
            ("https://h/v1?api-key=x", "https://h/v1?api-key=***"),
            ("sqlite:////home/me@corp/x.db", "sqlite:////home/me@corp/x.db"),
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("sqlite:////var/file.db", "sqlite:////var/file.db"),
        ],
    )
    def test_masked(self, url: str, shown: str) -> None:
        """A URL is shown without its passwords, also when those are not quoted as they should be."""
        assert shown == masked(url)

    def test_missing_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without redis-py the error says what to install."""
        monkeypatch.delitem(sys.modules, "otel_session_agg.stores._redis_link", raising=False)
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(StoreError, match=r"redis://u:\*\*\*@host .* pip install 'otel-session-agg\[redis\]'"):
            open_store("redis://u:secret@host")

    @pytest.mark.slow
    def test_cheap(self) -> None:
        """Naming stores imports no library of theirs."""
        body = "import sys, otel_session_agg.stores; print(sorted({'redis', 'sqlite3'} & sys.modules.keys()))"
        assert "[]" == printed(body).strip()

    def test_threads(self, tmp_path: Path) -> None:
        """A store may be used by one thread after another."""
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))

        def work() -> None:
            put(store, ("l", "w", 1, b""))
            store.close()

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        assert ["k", "l"] == list(store.keys())
        store.close()
