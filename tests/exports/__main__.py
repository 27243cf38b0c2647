"""Make the exports again: ``python -m tests.exports [NAME...]``; takes minutes, and the package index.

What cannot be run here, Jaeger and Langfuse, is made as it is documented.
"""

from __future__ import annotations

import subprocess
import sys

from tests.exports.documented import write
from tests.support.environments import environment, variables
from tests.support.paths import TESTS

EXPORTS = TESTS / "cases" / "exports"

BACKENDS = {
    "clickhouse_table": ("chdb==4.4.0",),
    "mlflow_client": ("mlflow==3.17.2", "opentelemetry-exporter-otlp-proto-http"),
    "phoenix_client": ("arize-phoenix==20.26.1", "pyarrow"),
    "zipkin_exporter": ("opentelemetry-exporter-zipkin-json==1.45.1",),
}
"""Programs in ``drivers``, and what they need."""


def main(names: list[str]) -> None:
    """Run the programs, each in an environment of its own."""
    write(EXPORTS)
    here = TESTS / "exports"
    for name in names or BACKENDS:
        python = environment(f"export-{name}", BACKENDS[name])
        command = [str(python), str(here / "drivers" / f"{name}.py"), str(EXPORTS)]
        subprocess.run(command, check=True, env=variables(PYTHONPATH=str(here)))  # noqa: S603


if __name__ == "__main__":
    main(sys.argv[1:])
