"""Future AGI's instrumentations (``traceAI-*``), with GenAI's names and names of their own.

Source: ``fi_instrumentation`` 1.1; recordings of traceAI-openai and -anthropic 0.1.10.  The model
of an OpenAI stream is named only among the parameters of the request.  Of Anthropic's input the
cached part is only in the answer as a whole, which streams and asynchronous calls do not have.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter, NameText, Text

_ANTHROPIC = ("traceai_anthropic",)

TABLE = Convention(
    name="traceai",
    cache_read=(
        "gen_ai.usage.input_tokens.cache_read",
        "gen_ai.usage.input_tokens.cache_input",
    ),
    cache_write=("gen_ai.usage.input_tokens.cache_write",),
    audio_prompt=("gen_ai.usage.input_tokens.audio",),
    audio_completion=("gen_ai.usage.output_tokens.audio",),
    texts=(Text("output.value", "native", scopes=_ANTHROPIC, path=("usage",), fills=True),),
    model_texts=(
        NameText(
            "gen_ai.request.parameters",
            r'^\{(?:[^{}\[\]]*, )?"model": "([^"\\]+)"',
            scopes=("traceai_",),
        ),
    ),
    emitters=(
        Emitter(
            scopes=_ANTHROPIC,
            proof="recorded: 0.1.10 takes Anthropic's own counts, and adds up a total of them",
            not_keys=("gen_ai.usage.total_tokens",),
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        *(
            Emitter(
                scopes=_ANTHROPIC,
                lacks=(key,),
                proof=f"recorded: 0.1.10 of {what}, whose cached part it does not tell",
                not_keys=("gen_ai.usage.input_tokens",),
            )
            for key, what in (
                ("output.mime_type", "streams"),
                ("gen_ai.usage.total_tokens", "asynchronous calls"),
            )
        ),
    ),
)
