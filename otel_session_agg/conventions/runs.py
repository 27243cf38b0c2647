"""Emitters without spans for model calls: their other spans made calls, and may state no usage.

Source: recordings.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, NamedSpans

TABLE = Convention(
    name="runs",
    spans=(
        # recorded: 0.1.29 writes on each call that it is a chain, and states no usage
        NamedSpans(
            {"instructor.create": Kind.MODEL, "instructor.async_create": Kind.MODEL},
            scopes=("openinference.instrumentation.instructor",),
            despite_keys=True,
        ),
    ),
    emitters=(
        Emitter(
            scopes=("autogen-core",),
            contains=("gen_ai.operation.name", "invoke_agent"),
            matches=("gen_ai.agent.description", "^(?!A human user)"),
            proof=(
                "recorded: autogen-core has spans of agents and messages; the default "
                "description of UserProxyAgent is left out"
            ),
            effects={Effect.MAKES_CALLS},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.agno",),
            has=("agno.run.id", "gen_ai.request.model"),
            proof=(
                "recorded: 0.62.4 has spans of agents, teams and tools; those of streams and "
                "teams state no figures"
            ),
            effects={Effect.MAKES_CALLS},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.crewai",),
            has=("crewai.agent.llm",),
            proof="recorded: 0.62.4 states the figures of an agent's calls on the agent",
            effects={Effect.MAKES_CALLS},
        ),
        Emitter(
            scopes=("openinference.instrumentation.crewai",),
            has=("task_key",),
            proof=(
                "recorded: 1.1.21 has spans of crews, tasks and tools; the figures stand on "
                "the crew"
            ),
            effects={Effect.MAKES_CALLS},
        ),
        Emitter(
            scopes=(
                "openinference.instrumentation.claude_agent_sdk",
                "@arizeai/openinference-instrumentation-claude-agent-sdk",
            ),
            contains=("openinference.span.kind", "AGENT"),
            proof=(
                "recorded: 0.1.12 to 0.1.22 have spans of agents and tools; source: so has "
                "JavaScript's 0.3.1"
            ),
            effects={Effect.MAKES_CALLS},
        ),
        Emitter(
            scopes=("openlit.instrumentation.openai_agents",),
            lacks=("gen_ai.agent.name",),
            proof=(
                "recorded: 1.45 names a turn of an agent, which is one call, and what is above "
                "agents as it names agents"
            ),
            effects={Effect.IS_CALL},
        ),
    ),
)
