"""The process that counts, as it is started and ended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from otel_session_agg._live.process import CountingProcess, Finish, ProcessEndedError
from otel_session_agg._offline.options import Options


def test_closed_by_several() -> None:
    """Threads that end it at once, as one that stops the server and one that begins anew do, wait for its end, each of them."""
    process = CountingProcess(Options())
    barrier = Barrier(4)

    def close() -> None:
        barrier.wait(60)
        process.close()
        process.end()
        with pytest.raises(ProcessEndedError):
            process.send(Finish())

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(close) for _ in range(4)]:
            future.result()
