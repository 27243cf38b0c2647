"""A notebook: cells show what sessions have used, and the set-up cell may be run again.

    pip install '.[demo]' jupyterlab jupytext
    jupyter lab examples/notebook.py      # "open as notebook"; VS Code and PyCharm know its cells

``# %%`` begins a cell.  Spans leave in the background, so a cell that wants to know what was used
asks: ``rollup()`` and ``current_rollup()`` are exact at the moment of the call.  Cells that make
calls each name their session; it goes on from one to the next, until it is ended.  It runs offline,
against ``model_server.py``.
"""

# %% Set-up.  What is there stays: again, it neither traces calls twice nor begins a session anew.
import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import Rollup, SessionSpanProcessor, current_rollup, end_session, session

provider = trace.get_tracer_provider()
if not isinstance(provider, TracerProvider):
    provider = TracerProvider()
    provider.add_span_processor(SessionSpanProcessor(Printer()))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    server = model_server.start()
    client = openai.OpenAI(base_url=server.base_url, api_key="not-a-key")


def ask(model: str, question: str) -> str:
    """Ask a model."""
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}]
    )
    return answer.choices[0].message.content or ""


def used() -> str:
    """What the session around the call has used so far."""
    so_far = current_rollup() or Rollup()
    return f"{so_far.num_model_events} calls, {so_far.total_tokens} tokens, {so_far.cost_usd} USD"


# %% A first try.
with session("try-mini"):
    print(ask("gpt-4o-mini", "Which of these reviews are about the delivery?"))
    print(used())

# %% The same session, and the same question to another model.
with session("try-mini"):
    print(ask("gpt-4o-mini", "And which are about the price?"))
    print(used())
with session("try-large"):
    print(ask("gpt-4o", "Which of these reviews are about the delivery?"))

# %% What have both cost so far?
for name in ("try-mini", "try-large"):
    print(name, session(name).rollup().cost_usd, "USD")

# %% The end: all that is left goes to the backend.
for name in ("try-mini", "try-large"):
    end_session(name)
provider.force_flush()
print(server)
