"""Runs the programs of ``examples/`` as a user does, with a real OTLP receiver as their backend."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import ReceivedSpan, Receiver
from tests.support.environments import variables
from tests.support.paths import EXAMPLES

HAS_EXAMPLES = EXAMPLES.is_dir()
_RUN_SECONDS, _STOP_SECONDS = 300, 120
_PUSD_PER_USD = 10**12
_COUNTED = re.compile(r"the model server counted .*\((\d+) \+ (\d+), (\d+) cached\)")


class Usage(NamedTuple):
    """Tokens of some calls."""

    prompt: int
    """Cached ones included."""
    completion: int
    cached: int


class Prices(NamedTuple):
    """Picodollars (1e-12 USD) a token."""

    prompt: int
    completion: int
    cached: int

    def cost_usd(self, usage: Usage) -> float:
        """What calls cost, USD."""
        pusd = (usage.prompt - usage.cached) * self.prompt + usage.completion * self.completion + usage.cached * self.cached
        return pusd / _PUSD_PER_USD


GPT_4O = Prices(2_500_000, 10_000_000, 1_250_000)
GPT_4O_MINI = Prices(150_000, 600_000, 75_000)
"""List prices."""


def usage_of(attributes: Mapping[str, Any] | None) -> Usage:
    """What a session root or record says."""
    assert attributes is not None
    return Usage(attributes[n.PROMPT_TOKENS], attributes[n.COMPLETION_TOKENS], attributes.get(n.CACHE_READ_TOKENS, 0))


def counted(usage: Any) -> Usage:
    """What the model server's own ``Usage`` says."""
    return Usage(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)


def cost_usd(usage: Any, *, input_pusd: int, output_pusd: int, cached_pusd: int) -> float:
    """What the model server's own ``Usage`` costs, USD, at so many picodollars a token."""
    return Prices(input_pusd, output_pusd, cached_pusd).cost_usd(counted(usage))


def call_usage(attributes: Mapping[str, Any]) -> Usage:
    """What OpenInference says of a call."""
    prompt, completion = (attributes[f"llm.token_count.{part}"] for part in ("prompt", "completion"))
    return Usage(prompt, completion, attributes.get("llm.token_count.prompt_details.cache_read", 0))


@dataclass(frozen=True)
class Exported:
    """What arrived at the backend."""

    spans: Sequence[ReceivedSpan]

    @property
    def roots(self) -> list[ReceivedSpan]:
        """Session roots that have something below them, or are calls themselves, in order of arrival."""
        return [span for span in self.spans if span.attributes.get(n.NUM_EVENTS) and span.name != n.SESSION_SPAN]

    @property
    def records(self) -> list[ReceivedSpan]:
        """Session records, in order of arrival."""
        return [span for span in self.spans if span.name == n.SESSION_SPAN]

    @property
    def calls(self) -> list[ReceivedSpan]:
        """Spans of OpenAI's client, in order."""
        calls = (span for span in self.spans if span.scope == "openinference.instrumentation.openai")
        return sorted(calls, key=lambda span: span.start_ns)

    def totals(self, name: str) -> dict[str, Any]:
        """The attributes of the only session root with a name."""
        (found,) = [dict(root.attributes) for root in self.roots if root.name == name]
        return found

    def record(self, session_id: str) -> dict[str, Any] | None:
        """The attributes of the newest record of a session."""
        found: list[dict[str, Any]] = [
            dict(span.attributes) for span in self.records if span.attributes[n.SESSION_ID] == session_id
        ]
        return max(found, key=itemgetter(n.REVISION), default=None)


@dataclass(frozen=True)
class Ran(Exported):
    """What became of a program that has ended."""

    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self.stdout.splitlines()

    @property
    def served(self) -> list[Usage]:
        """What its model server says that it has served, line by line."""
        return [Usage(*map(int, found)) for found in _COUNTED.findall(self.stdout)]


def model_server() -> ModuleType:
    """The examples' own model server, for tests that have to know what it has served."""
    spec = importlib.util.spec_from_file_location("model_server", EXAMPLES / "model_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def traced(receiver_url: str, **more: str) -> dict[str, str]:
    """The variables of a program that exports to a receiver."""
    return variables(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=receiver_url, **more)


def run(program: str, *, python: Path | str = sys.executable, **more: str) -> Ran:
    """Run a program to its end; it must succeed."""
    receiver = Receiver()
    with receiver.running() as url:
        done = subprocess.run(  # noqa: S603
            [str(python), str(EXAMPLES / program)],
            env={**traced(url), **more},
            capture_output=True,
            encoding="utf-8",
            timeout=_RUN_SECONDS,
            check=False,
        )
    assert 0 == done.returncode, done.stderr
    return Ran(receiver.spans, done.stdout, done.stderr)


@contextmanager
def started(command: Sequence[str], log: Path, env: dict[str, str], cwd: Path = EXAMPLES) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs beside the test; asked to stop at the end, and killed with its children if it does not.

    Its log is shown with a failure.
    """
    with log.open("w+", encoding="utf-8") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=file, cwd=cwd, start_new_session=True)  # noqa: S603
        try:
            yield process
            process.terminate()
            assert process.wait(_STOP_SECONDS) in {0, -signal.SIGTERM}  # some end as if they had not caught it
        except BaseException:
            file.seek(0)
            print(file.read())  # noqa: T201 -- shown with the failure
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
