"""Processes that count."""

from __future__ import annotations

import signal
from contextlib import closing
from functools import partial
from pathlib import Path

from otel_session_agg._offline.options import Options
from otel_session_agg._offline.workers import Workers


class TestWorkers:
    """What processes do."""

    def test_no_interrupt(self, tmp_path: Path) -> None:
        """Ctrl-C, which a terminal sends to all of them, reaches none, not even one that is starting."""
        masks = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
        with closing(Workers(2, tmp_path, Options())) as workers:
            [blocked] = workers.map(masks, [[]])
        assert signal.SIGINT in blocked
        assert signal.SIGINT not in masks([])
