"""A program that counts requests of a file while it reads them, and says which it has accepted; to be killed.

``python -m tests.support.live_server HISTORY REQUESTS FIRST`` accepts the requests from number FIRST on, and prints the number
of each after it was accepted, and ``counted`` when all of them are in the history.
"""

from __future__ import annotations

import sys
from pathlib import Path

from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.counter import LiveCounter
from otel_session_agg._offline.options import Options


def requests_in(path: Path) -> list[bytes]:
    """The requests of a file, each with its size before it."""
    data, found = path.read_bytes(), []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def main(history: str, requests: str, first: str) -> None:
    """Accept requests."""
    with SharedHistory(Path(history)) as shared, LiveCounter(shared, Options()) as counter:
        counter.start()
        for number, content in list(enumerate(requests_in(Path(requests))))[int(first) :]:
            counter.accept(content)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
        counter.wait(120.0)
        sys.stdout.write("counted\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
