"""Instrumentations of the providers' client libraries, in the order in which a stack's options name them.

An option is a distribution with an instrumentor, or ``openlit``, one of Future AGI's, or one that translates the spans of others into OpenInference.
"""

from importlib import import_module
from importlib.metadata import distribution

from _harness import options, provider, scenario, versions
from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor

TRANSLATORS = {f"openinference-instrumentation-{of}": f"openinference.instrumentation.{of}" for of in ("openllmetry", "openlit")}
"""Their modules."""

FUTURE_AGI = {
    "traceAI-openai": "traceai_openai.OpenAIInstrumentor",
    "traceAI-anthropic": "traceai_anthropic.AnthropicInstrumentor",
}
"""Their instrumentors, which no entry point names."""

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
"""The arguments of the tool that the scenarios offer."""


def instrument():
    """Turn on what the options name."""
    translators = SynchronousMultiSpanProcessor()  # these come before the recorder
    for module in (TRANSLATORS[word] for word in options() if word in TRANSLATORS):
        translators.add_span_processor(import_module(module).OpenInferenceSpanProcessor())
    traced = provider(active_span_processor=translators)
    for word in options():
        if word == "openlit":
            import openlit

            versions("openlit")
            openlit.init(disable_metrics=True)
        elif word in FUTURE_AGI:
            module, _, name = FUTURE_AGI[word].rpartition(".")
            versions(word)
            getattr(import_module(module), name)().instrument(tracer_provider=traced)
        else:
            versions(word)
            # one distribution may hold several, as botocore's does
            for entry in distribution(word).entry_points.select(group="opentelemetry_instrumentor"):
                entry.load()().instrument(tracer_provider=traced)


def sessions(ask):
    """Add the scenario of a session, where OpenInference is there to name it."""
    if not any(word.startswith("openinference-") and word not in TRANSLATORS for word in options()):
        return
    from openinference.instrumentation import using_session

    @scenario("session")
    def session():
        with using_session("chat-1"):
            ask()
            ask()
        return "chat-1"
