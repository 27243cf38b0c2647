"""Answers that are shared."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from otel_session_agg._page.memo import Memo


class TestMemo:
    """One question is answered once."""

    def test_once(self) -> None:
        """Whoever asks at the same time has the same answer."""
        memo, barrier = Memo(60), Barrier(4)
        asked: list[int] = []
        found: list[int] = []

        def ask() -> int:
            asked.append(1)
            return len(asked)

        def run() -> None:
            barrier.wait()
            found.append(memo.get("key", 0, ask))

        threads = [Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ([1, 1, 1, 1], [1]) == (found, asked)

    def test_time(self) -> None:
        """After its time it is asked again."""
        memo, values = Memo(0, 0), iter((1, 2))
        assert [1, 2] == [memo.get("key", 0, lambda: next(values)) for _ in range(2)]

    def test_nothing_written(self) -> None:
        """An answer is good as long as nothing is written, and for a short time whatever is."""
        memo, brief, values = Memo(0, 60), Memo(60, 0), iter(range(9))
        assert [0, 0, 1, 1, 2] == [memo.get("key", at, lambda: next(values)) for at in (7, 7, 8, 8, 7)]
        assert [3, 3, 3] == [brief.get("key", at, lambda: next(values)) for at in (7, 8, 8)]

    def test_errors(self) -> None:
        """An error is raised, and not kept."""
        memo = Memo(60)
        with pytest.raises(ZeroDivisionError):
            memo.get("key", 0, lambda: 1 // 0)
        assert 2 == memo.get("key", 0, lambda: 2)
