"""What a shell completes."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from otel_session_agg._cli.app import _app


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["rep"], {"replay", "report"}),
        (["replay", "--recorded"], {"--recorded-cost"}),
        (["replay", "--recorded-cost", ""], {"keep", "ignore", "compare"}),
        (["explain", "--recorded-cost", ""], {"keep", "ignore"}),
        (["replay", "--by", "s"], {"session", "span"}),
        (["replay", "--format", "otlp-j"], {"otlp-json", "otlp-jsonl"}),
        (["replay", "--group-by", "user,mo"], {"user,month", "user,model"}),
        (["replay", "--sort", "start"], {"start_time"}),
        (["diff", "--by", "model,u"], {"model,user"}),
    ],
)
def test_completed(typed: list[str], expected: set[str]) -> None:
    """Commands, options and their values, also after a comma."""
    asked = {
        "_OTEL_SESSION_AGG_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["otel-session-agg", *typed]),
        "COMP_CWORD": str(len(typed)),
    }
    found = CliRunner().invoke(_app(), env=asked, prog_name="otel-session-agg")
    assert expected == set(found.stdout.split())
