"""The recorder: what real SDKs with real instrumentations write, and what the server that answered says it told.

Instrumentations change with every version. To keep up, a *stack* (a library, its instrumentations and the versions of both, see
``stacks``) is recorded anew by one command::

    python -m tests.recording openai.openinference            # some stacks, by name or glob
    python -m tests.recording --latest 'anthropic.*'          # with the newest versions instead of the pinned ones
    python -m tests.recording --list
    python -m tests.recording.check openai.openinference      # are the totals right?

Each stack gets an environment of its own (by ``uv`` if there is one, else ``venv`` and ``pip``; by ``npm`` for Node), and its driver
runs in there against the local model server (``model_server``): nothing but the installation needs a network, and no key is used.
The spans and the served figures go into ``tests/cases/recorded/<stack>.jsonl.gz``, which the tests replay. Recordings are made by
hand and never edited: one that comes out wrong is a finding, about the tables or about the instrumentation.

A new stack is a line in ``stacks`` and, for a new library, a driver: a program that calls the library in short scenarios, written
with ``drivers/_harness.py`` (Python) or ``node/_harness.mjs`` (Node).

Not recorded, and why
---------------------
* OpenLLMetry haystack 0.62.4 on Haystack 3: it does not load there.  OpenLLMetry has no instrumentation of smolagents.
* MLflow over CrewAI and smolagents: it writes no model spans for their present versions.
* CrewAI's tools through LiteLLM: the two need different versions of ``mcp``.
* Semantic Kernel's streams under contrib ``openai-v2``, and synchronous partial streams under OpenInference instructor: the
  instrumentation breaks the call.  So do contrib's and OpenInference's JavaScript instrumentations on one openai client.
* Anthropic models in AutoGen: it writes no span there.  Asynchronous LangChain under OpenLIT: its spans never end.
* Traceloop JS 0.27 on openai 7, and on Anthropic's SDK 1.x in part: it does not know or breaks them; an older client is recorded.
* Google's tool loop by automatic function calling is recorded, but one span stands for two calls, so nothing is asserted of it.
"""
