"""Instrumentations laid over a library in the order in which a stack names their distributions, and what goes with them."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import wraps
from importlib.metadata import distribution
from typing import Any

from _harness import scenario, versions
from opentelemetry.sdk.trace import TracerProvider

_loop = asyncio.Runner()


def lay(distributions: list[str], provider: TracerProvider) -> None:
    """Install the instrumentor of each distribution; it is found by the entry point that zero-code set-ups use."""
    versions(*distributions)
    for name in distributions:
        entries = [entry for entry in distribution(name).entry_points if entry.group == "opentelemetry_instrumentor"]
        entries[0].load()().instrument(tracer_provider=provider)


def in_one_loop(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Run a coroutine function in the loop of all the others, for libraries that keep a client, which is bound to its loop."""

    @wraps(function)
    def run(*arguments: Any, **settings: Any) -> Any:
        return _loop.run(function(*arguments, **settings), context=copy_context())

    return run


def openinference_session(distributions: list[str], ask: Callable[[], object]) -> None:
    """Add the scenario of a session as OpenInference has it, where the stack has OpenInference."""
    if not any(name.startswith("openinference-") for name in distributions):
        return
    from openinference.instrumentation import using_session

    @scenario("session")
    def session() -> str:
        with using_session("chat-1"):
            ask()
        return "chat-1"
