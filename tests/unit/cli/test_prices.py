"""The command ``prices``: which price a call would have, and where it comes from."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg._cli.prices import show_price
from otel_session_agg._exceptions import SettingsError
from tests.support.scripts import command_line

_NEWEST_TABLE = sys.version_info >= (3, 11)


def shown(model: str, form: str = "text", **options: str | None) -> tuple[str, int]:
    """What is printed, and the exit code."""
    given: dict[str, Any] = {"provider": None, "at": "2026-11-02", "tier": None, "address": None, "own": None, **options}
    return show_price(model, **given, as_form=form)


def told(model: str, **options: str | None) -> dict[str, Any]:
    """The JSON object."""
    found: dict[str, Any] = json.loads(shown(model, "json", **options)[0])
    return found


@pytest.mark.skipif(not _NEWEST_TABLE, reason="the last price table for Python 3.10 is older")
class TestTable:
    """Prices of genai-prices."""

    def test_text(self) -> None:
        """The row, the version, the times and all kinds."""
        text, code = shown("gpt-4o", provider="openai")
        assert 0 == code
        assert f"genai-prices {metadata.version('genai-prices')}: gpt-4o of openai" in text
        assert re.search(r"^input, million tokens +2\.5$", text, re.MULTILINE)
        assert re.search(r"^web search, each +0\.01$", text, re.MULTILINE)

    def test_json(self) -> None:
        """The same as values."""
        found = told("gpt-4o", provider="openai")
        assert (True, "genai-prices", "gpt-4o of openai") == (found["known"], found["table"], found["source"])
        assert {"input": 2.5, "output": 10.0, "cache_read": 1.25} == found["usd_per_million_tokens"]
        assert {"web_search": 0.01} == found["usd_each"]

    def test_tiers_and_times(self) -> None:
        """Long prompts have prices of their own, and prices change at days."""
        found = told("claude-sonnet-4-6", provider="anthropic", at="2026-03-12T10:00:00+01:00")
        assert "2026-03-12T09:00:00+00:00" == found["at"]
        assert [200_000] == [tier["above_tokens"] for tier in found["tiers"]]
        assert 6.0 == found["tiers"][0]["usd_per_million_tokens"]["input"]
        assert "2026-03-13T00:00:00+00:00" == found["valid_until"]
        assert "above 200,000" in shown("claude-sonnet-4-6", provider="anthropic", at="2026-03-12")[0]

    def test_terms(self) -> None:
        """A tier and a region have theirs."""
        assert 0.025 == told("gpt-5-nano", provider="openai", tier="flex")["usd_per_million_tokens"]["input"]
        assert 2.75 == told("gpt-5.4", provider="openai", address="eu.api.openai.com")["usd_per_million_tokens"]["input"]

    def test_correction(self) -> None:
        """A corrected price says who corrects it."""
        found = told("deepseek-chat", provider="deepseek")
        assert ("correction", 0.28) == (found["table"], found["usd_per_million_tokens"]["input"])
        assert "corrected by https://api-docs.deepseek.com" in found["source"]

    def test_needs(self) -> None:
        """What a call has to say of itself."""
        assert ["audio_completion_tokens", "audio_prompt_tokens"] == told("gpt-realtime", provider="openai")["needs"]
        assert "audio_prompt_tokens" in shown("gpt-realtime", provider="openai")[0]


class TestOwn:
    """The user's own prices."""

    def test_first(self, tmp_path: Path) -> None:
        """They beat the table."""
        path = tmp_path / "prices.json"
        path.write_text('{"gpt-4o*": {"input": 1, "request": 0.5, "tiers": [{"above_tokens": 9, "input": 2}]}}', encoding="utf-8")
        found = told("gpt-4o", own=str(path))
        assert ("own", {"input": 1.0}, {"request": 0.5}) == (found["table"], found["usd_per_million_tokens"], found["usd_each"])
        assert [9] == [tier["above_tokens"] for tier in found["tiers"]]
        assert "your own prices" in shown("gpt-4o", own=str(path))[0]

    @pytest.mark.parametrize("content", ["", "[]", '{"m": {"input": -1}}', "[" * 10_000])
    def test_malformed(self, tmp_path: Path, content: str) -> None:
        """What is wrong is said."""
        path = tmp_path / "prices.json"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(SettingsError):
            shown("m", own=str(path))

    def test_no_file(self) -> None:
        """Nor is a file that is not there passed over."""
        with pytest.raises(SettingsError, match="nowhere"):
            shown("m", own="/nowhere/prices.json")


class TestUnknown:
    """Models without a price."""

    @pytest.mark.parametrize(
        ("model", "options", "why"),
        [
            ("no-such-model", {}, "have such a model"),
            ("claude-opus-4-1-ultra", {"provider": "anthropic"}, "begins alike"),
            ("gpt-4o", {"provider": "openai", "tier": "platinum"}, "no price under these terms"),
        ],
    )
    def test_it_says_so(self, model: str, options: dict[str, str], why: str) -> None:
        """With the reason and an exit code of 1."""
        text, code = shown(model, **options)
        assert 1 == code
        assert why in text
        assert (False, None) == (told(model, **options)["known"], told(model, **options)["table"])

    @pytest.mark.parametrize("at", ["yesterday", "2026-13-01", ""])
    def test_no_date(self, at: str) -> None:
        """A time that is none is refused."""
        with pytest.raises(SettingsError, match="--at"):
            shown("gpt-4o", at=at)

    def test_foreign_text(self) -> None:
        """A name moves nobody's cursor."""
        assert "\x1b" not in shown("gpt\x1b[2J")[0]

    def test_nothing_to_pay(self) -> None:
        """Free is a price."""
        text, code = shown("gemma-3-27b-it", provider="google")
        assert 0 == code
        assert "It costs nothing." in text


@pytest.mark.slow
class TestCommand:
    """As it is typed."""

    def test_exit_codes(self) -> None:
        """0 with a price, 1 without one or with a wrong option."""
        known = command_line("prices", "gpt-4o", "--provider", "openai", "--json")
        assert (0, True) == (known.returncode, json.loads(known.stdout)["known"])
        assert 1 == command_line("prices", "no-such-model").returncode
        wrong = command_line("prices", "gpt-4o", "--at", "never")
        assert (1, "") == (wrong.returncode, wrong.stdout)
        assert "--at 'never' is no date" in wrong.stderr
