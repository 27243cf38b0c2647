"""What MLflow's client answers: traces of spans that were sent over OTLP, and of MLflow's own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from servers import free_port, served
from spans import send


def main(folder: Path) -> None:
    """Serve, send, and write what is answered."""
    base = f"http://127.0.0.1:{(port := free_port())}"
    with TemporaryDirectory() as work:
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{work}/mlflow.db", "--artifacts-destination", work]
        with served(command, {**os.environ, "DO_NOT_TRACK": "true"}, f"{base}/health"):
            mlflow.set_tracking_uri(base)
            sent = mlflow.create_experiment("sent")
            send(OTLPSpanExporter(f"{base}/v1/traces", headers={"x-mlflow-experiment-id": sent}))
            _write(folder / "mlflow.jsonl", sent)
            own = mlflow.create_experiment("own")
            mlflow.set_experiment(experiment_id=own)
            _trace()
            _write(folder / "mlflow-own.jsonl", own)


def _trace() -> None:
    """Trace a call by MLflow's own means."""
    with mlflow.start_span("agent", span_type="AGENT") as root:
        stated = {"mlflow.trace.session": "s-9", "mlflow.trace.user": "cleo"}
        mlflow.update_current_trace(metadata=stated, tags={"plan": "pro"})
        root.set_inputs({"question": "Where is it?"})
        with mlflow.start_span("chat", span_type="CHAT_MODEL") as call:
            call.set_attribute("mlflow.llm.model", "gpt-4o-mini")
            call.set_attribute("mlflow.llm.provider", "openai")
            usage = {"input_tokens": 70, "output_tokens": 9, "total_tokens": 79}
            call.set_attribute("mlflow.chat.tokenUsage", usage)
            call.set_outputs("On its way.")
        with mlflow.start_span("look_up", span_type="TOOL") as tool:
            tool.set_status("ERROR")
    mlflow.flush_trace_async_logging()


def _write(path: Path, experiment: str) -> None:
    """Write all traces, without what is of the machine."""
    traces = mlflow.search_traces(locations=[experiment], return_type="list", include_spans=True, order_by=["timestamp_ms ASC"])
    with path.open("w") as file:
        for trace in traces:
            found = json.loads(trace.to_json())
            metadata = found["info"]["trace_metadata"]
            for name in [name for name in metadata if name.startswith(("mlflow.source.", "mlflow.user"))]:
                del metadata[name]
            file.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
