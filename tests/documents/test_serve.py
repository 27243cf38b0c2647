"""The page on ``serve`` is true: its commands print what it says, and its files have the form that they should have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_session_agg._page.views import views
from otel_session_agg._serve.limits import Limits
from otel_session_agg._views.address import Times, parse
from otel_session_agg._views.chart_address import chart_of
from tests.documents.serve_analyses import ANALYSES, MOST_CLICKS
from tests.processes.test_serve import SECONDS, serving
from tests.support.paths import ROOT

FOLDER = ROOT / "examples" / "serve"
PAGE = (FOLDER / "README.md").read_text("utf-8")
COMMANDS = [
    (command, output)
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for command, output in re.findall(r"^\$ ([^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", block, flags=re.MULTILINE)
]


def loaded(name: str) -> Any:
    """The values of a file in YAML."""
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


class TestPage:
    """``examples/serve/README.md``."""

    @pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs curl")
    def test_commands(self) -> None:
        """Every command prints what it says."""
        assert len(COMMANDS) >= 4
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with serving(str(ROOT / "examples" / "offline" / "chats.jsonl")) as program:
            for command, output in COMMANDS:
                sent = command.replace("127.0.0.1:8765", f"127.0.0.1:{program.page}")
                done = subprocess.run(  # noqa: S603 -- our own text
                    ["bash", "-c", sent],  # noqa: S607
                    env={**os.environ, "PATH": path},
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=SECONDS,
                )
                assert output.strip() == done.stdout.replace("\r\n", "\n").strip()

    def test_addresses(self) -> None:
        """What the table says shows a view, whole: nothing of it is left out."""
        addresses = re.findall(r"`(/(?!v1|api)[a-z]+(?:\?[^`]*)?)`", PAGE)
        assert len(addresses) > 10
        for address in addresses:
            path, _, search = address.partition("?")
            state = parse(path, search)
            assert state.view in views()
            assert (path, sorted(search.split("&"))) == (
                f"/{state.view}",
                sorted(state.search().removeprefix("?").split("&")),
            )
            if state.view == "charts":
                chart = chart_of(state, Times(None, None))
                given = (chart.scope, chart.aggregation, chart.metric)
                assert given == tuple(
                    state.more.get(key, default) for key, default in (("scope", "sessions"), ("agg", ""), ("metric", "cost"))
                )

    def test_analyses(self) -> None:
        """The table has every analysis, as it is carried out, and its picture; none takes many clicks."""
        rows = [line for line in PAGE.splitlines() if "](pictures/" in line and line.startswith("|")]
        assert [f"{one.row} [picture](pictures/{name}.png) |" for name, one in ANALYSES.items()] == rows
        assert f"at most {('four', 'five', 'six')[MOST_CLICKS - 4]} clicks" in PAGE
        assert max(len(one.clicks) for one in ANALYSES.values()) <= MOST_CLICKS

    def test_pictures(self) -> None:
        """They are small, those that the script takes, and each is looked at from here."""
        found = {path.name for path in (FOLDER / "pictures").iterdir()}
        assert {f"{name}.png" for name in ANALYSES} == found == set(re.findall(r"\(pictures/([a-z-]+\.png)\)", PAGE))
        assert all(path.stat().st_size < 150_000 for path in (FOLDER / "pictures").iterdir())

    def test_limits(self) -> None:
        """The limits are those that it states."""
        limits, text = Limits(), " ".join(PAGE.split())
        mib = 1 << 20
        assert f"{limits.max_body_bytes // mib} MiB as it is sent and {limits.max_message_bytes // mib} MiB decompressed" in text
        assert f"{limits.max_spans:,} spans, {limits.max_values:,} attributes" in text
        assert f"{limits.header_seconds:.0f} seconds for its header and {limits.body_seconds:.0f} for its body" in text
        assert f"{limits.requests_per_second:.0f} a second of one client" in text


class TestFiles:
    """What could not be run has the form that it should have."""

    def test_collector(self) -> None:
        """Every part of a pipeline is declared, and spans go on twice."""
        config = loaded("collector.yaml")
        pipeline = config["service"]["pipelines"]["traces"]
        for kind, names in pipeline.items():
            assert set(names) <= config[kind].keys()
        assert 2 == len(pipeline["exporters"])

    def test_compose(self) -> None:
        """The collector is given what the server asks for, and files that are there."""
        services = loaded("compose.yaml")["services"]
        given = [services[name]["environment"]["OTEL_SESSION_AGG_INGEST_TOKEN"] for name in ("sessions", "collector")]
        assert all(one.startswith("${OTEL_SESSION_AGG_INGEST_TOKEN:?") for one in given)
        build = services["sessions"]["build"]
        assert (FOLDER / build["context"] / build["dockerfile"]).resolve() == (FOLDER / "Dockerfile").resolve()
        assert (FOLDER / services["collector"]["volumes"][0].partition(":")[0]).is_file()

    def test_dockerfile(self) -> None:
        """The command is one that there is, and the ports are the defaults."""
        text = (FOLDER / "Dockerfile").read_text("utf-8")
        assert 'ENTRYPOINT ["otel-session-agg", "serve", "--host", "0.0.0.0"' in text
        assert "EXPOSE 8765 4318" in text
