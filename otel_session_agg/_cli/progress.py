"""Show how far a replay is, on a terminal."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from otel_session_agg._offline.progress import Progress
from otel_session_agg._offline.replay import Replay

_SECONDS = 0.2
"""How often it is shown."""

Show = Callable[[Progress], None]


@contextmanager
def shown_progress() -> Iterator[Show]:
    """Return a function that shows progress on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # of the extra that the commands need
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[spans]:,} spans  {task.fields[rate]:,} a second"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Shown(bar.add_task, bar.update)


class _Shown:
    """Shows progress, not more often than people can read."""

    def __init__(self, add: Callable[..., int], update: Callable[..., None]) -> None:
        self._add, self._update = add, update
        self._tasks: dict[str, tuple[int, float]] = {}
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS
        known = self._tasks.get(progress.phase)
        if known is None:
            task = self._add(progress.phase, spans=0, rate=0, total=None)
            known = self._tasks[progress.phase] = (task, now)
        task, began = known
        is_reading = progress.phase == "reading"
        self._update(
            task,
            total=progress.total_bytes if is_reading else progress.total_spans,
            completed=progress.done_bytes if is_reading else progress.num_spans,
            spans=progress.num_spans,
            rate=round(progress.num_spans / max(now - began, _SECONDS)),
        )


@contextmanager
def stoppable(replay: Replay[Any]) -> Iterator[None]:
    """Let Ctrl-C stop reading, so that what was read can be used; a second one stops all."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("stopping; what was read is counted. Again: stop at once\n")
        replay.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
