"""Start a backend, wait until it answers, and stop it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from subprocess import Popen
from urllib.request import urlopen

DEADLINE_SECONDS = 120


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def served(command: Sequence[str], variables: Mapping[str, str], url: str) -> Iterator[None]:
    """The program, from its first answer on."""
    server = Popen(command, env=variables)  # noqa: S603
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                message = "the backend does not answer"
                raise TimeoutError(message)
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url):  # noqa: S310
            return True
    except OSError:
        return False
