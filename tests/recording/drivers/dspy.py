"""DSPy: predictors, a ReAct loop and an embedder, on LiteLLM.

Options: distributions of instrumentations in the order of installation.
"""

import asyncio
import os
from contextlib import suppress

from _harness import CLAUDE, EMBEDDING, GPT, URL, options, provider, run, scenario, versions
from _layers import in_one_loop, lay, openinference_session

versions("dspy", "litellm")
lay(options(), provider())

import dspy

LM = dspy.LM(f"openai/{GPT}", cache=False)
CLAUDE_LM = dspy.LM(f"anthropic/{CLAUDE}", api_base=URL, cache=False)
dspy.configure(lm=LM)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


@scenario("lm", plans=("plain", "cached", "reasoning", "failure"))
def lm() -> None:
    LM("Hello")


@scenario("predict", plans=("cached",))
def predict() -> None:
    dspy.Predict("question -> answer")(question="How are you?")


@scenario("chain_of_thought", plans=("reasoning",))
def chain_of_thought() -> None:
    dspy.ChainOfThought("question -> answer")(question="How are you?")


@scenario("react")
def react() -> None:
    dspy.ReAct("question -> answer", tools=[get_weather], max_iters=3)(question="How is the weather in Paris?")


@scenario("parallel")
@in_one_loop
async def parallel() -> None:
    ask = dspy.Predict("question -> answer")
    await asyncio.gather(ask.acall(question="How are you?"), ask.acall(question="And you?"))


@scenario("responses", plans=("reasoning",))
def responses() -> None:
    dspy.LM(f"openai/{GPT}", cache=False, model_type="responses")("Hello")


@scenario("embedding")
def embedding() -> None:
    dspy.Embedder(f"openai/{EMBEDDING}", caching=False)(["Hello"])
    LM("Hello")


@scenario("from_cache")
def from_cache() -> None:
    remembering = dspy.LM(f"openai/{GPT}", cache=True)
    question = os.urandom(8).hex()
    remembering(question)
    remembering(question)


@scenario("error", plans=("error",))
def error() -> None:
    with suppress(Exception):
        LM("Hello")


@scenario("anthropic", plans=("cached", "split"))
def anthropic() -> None:
    CLAUDE_LM("Hello")


openinference_session(options(), predict)
run()
