"""Amazon Bedrock with boto3; the options name its instrumentations in their order."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from _clients import WEATHER, instrument, sessions
from _harness import BEDROCK_CLAUDE, run, scenario, versions

versions("boto3")
instrument()

import boto3

NOVA = "us.amazon.nova-pro-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
MESSAGES = [{"role": "user", "content": [{"text": "How is the weather in Paris?"}]}]
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": WEATHER}}}]}
CLAUDE_BODY = json.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "How is the weather in Paris?"}]}],
    }
)


def bedrock():
    """A client; made late, since instrumentations may change how clients are made."""
    return boto3.client("bedrock-runtime")


@scenario("converse", ("plain", "cached", "cached_large", "split", "failure", "error"))
def converse():
    bedrock().converse(modelId=BEDROCK_CLAUDE, messages=MESSAGES)


@scenario("converse-stream", ("plain", "cached", "split"))
def converse_stream():
    for _ in bedrock().converse_stream(modelId=BEDROCK_CLAUDE, messages=MESSAGES)["stream"]:
        pass


@scenario("converse-nova", ("cached",))
def converse_nova():
    bedrock().converse(modelId=NOVA, messages=MESSAGES)


@scenario("tools", ("cached",))
def tools():
    client = bedrock()
    first = client.converse(modelId=BEDROCK_CLAUDE, messages=MESSAGES, toolConfig=TOOLS)["output"]["message"]
    use = first["content"][-1]["toolUse"]
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "Rain."}]}}
    messages = [*MESSAGES, first, {"role": "user", "content": [result]}]
    client.converse(modelId=BEDROCK_CLAUDE, messages=messages, toolConfig=TOOLS)


@scenario("parallel", ("cached",))
def parallel():
    client = bedrock()
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(copy_context().run, client.converse, modelId=BEDROCK_CLAUDE, messages=MESSAGES) for _ in range(2)]
        for call in calls:
            call.result()


@scenario("invoke", ("plain", "cached", "split"))
def invoke():
    bedrock().invoke_model(modelId=BEDROCK_CLAUDE, body=CLAUDE_BODY)["body"].read()


@scenario("invoke-stream", ("plain", "cached", "split"))
def invoke_stream():
    for _ in bedrock().invoke_model_with_response_stream(modelId=BEDROCK_CLAUDE, body=CLAUDE_BODY)["body"]:
        pass


@scenario("invoke-nova", ("cached",))
def invoke_nova():
    bedrock().invoke_model(modelId=NOVA, body=json.dumps({"messages": MESSAGES}))["body"].read()


@scenario("embeddings")
def embeddings():
    bedrock().invoke_model(modelId=TITAN, body=json.dumps({"inputText": "Rain in Paris."}))["body"].read()
    converse()


sessions(converse)
run()
