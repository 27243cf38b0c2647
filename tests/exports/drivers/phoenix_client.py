"""What Phoenix has of the spans: its client's table of them, and what its API answers."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from phoenix.client import Client
from servers import DEADLINE_SECONDS, free_port, served
from spans import SPANS, send


def main(folder: Path) -> None:
    """Serve, send, and write what is answered."""
    base = f"http://127.0.0.1:{(port := free_port())}"
    with TemporaryDirectory() as work:
        variables = {
            **os.environ,
            "PHOENIX_WORKING_DIR": work,
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        with served([sys.executable, "-m", "phoenix.server.main", "serve"], variables, base):
            send(OTLPSpanExporter(f"{base}/v1/traces"))
            _write(folder, Client(base_url=base), base)


def _write(folder: Path, client: Client, base: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(table := client.spans.get_spans_dataframe()) < len(SPANS):
        if time.monotonic() > deadline:
            message = "the spans did not arrive"
            raise TimeoutError(message)
        time.sleep(0.2)
    table = table.sort_values("start_time")
    table.to_parquet(folder / "phoenix.parquet")
    table.to_csv(folder / "phoenix.csv")
    table.to_json(folder / "phoenix.jsonl", orient="records", lines=True, date_format="iso")
    with urlopen(f"{base}/v1/projects/default/spans?limit=100") as answer:  # noqa: S310
        (folder / "phoenix.json").write_text(json.dumps(json.load(answer), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
