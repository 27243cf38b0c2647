"""Vendors' SDKs over agent frameworks: tracer providers they want, and what they are turned on with."""

from __future__ import annotations

import os

from _harness import URL, provider, use, versions
from _layers import lay
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

_VENDORS = ("logfire", "mlflow", "openlit")


def lay_all(words: list[str], flavor: str, made: TracerProvider | None = None) -> TracerProvider:
    """Lay instrumentations over a framework in the order of the words: vendors by name, others by distribution.

    The flavor is what MLflow and Logfire call the framework. Gives the provider that is recorded: the one made before, if there is one.
    """
    versions(*(word if word != "mlflow" else "mlflow-skinny" for word in words if word in _VENDORS))
    recorded = made or (configured_logfire() if "logfire" in words else provider())
    for word in words:
        if word == "logfire":
            import logfire

            getattr(logfire, f"instrument_{flavor}")()
        elif word == "mlflow":
            autolog_by_mlflow("openai" if flavor == "openai_agents" else flavor)
        elif word == "openlit":
            import openlit

            openlit.init(disable_metrics=True, disable_events=True)
        else:
            lay([word], recorded)
    return recorded


def configured_logfire() -> TracerProvider:
    """Logfire's provider, which is recorded and sends nothing."""
    import logfire

    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    return use(trace.get_tracer_provider())


def autolog_by_mlflow(flavor: str) -> None:
    """Log into the global provider, and from there to an OTLP endpoint."""
    os.environ |= {
        "MLFLOW_USE_DEFAULT_TRACER_PROVIDER": "false",
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{URL}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }
    import mlflow

    getattr(mlflow, flavor).autolog()
    # the first span in a provider that MLflow did not make fails, and brings MLflow into the provider
    mlflow.start_span_no_context("first").end()
