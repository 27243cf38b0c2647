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
"""
