"""The same spans come to the same tables, live and by a replay, whenever and however they come."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.replay import Replay
from tests.recording.verdict import recordings
from tests.support.explained import below_root
from tests.support.folding import made_cases, rows
from tests.support.live import KEEPING, Steps, differing, requests, tables, twice
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_protobuf, sized
from tests.support.replay import Case, cases_in, load

_DAY_NS = 86_400_000_000_000
_SOME, _PARTS = 12, 4


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"] and not case.get("prices")]


def _spans(cases: list[Case]) -> Iterator[SpanData]:
    """Cases as traces of their own, some in one session, a day apart."""
    for number, case in enumerate(cases, 1):
        shift = number * _DAY_NS
        for span in below_root(rows(case)):
            attributes = {
                name: f"{value}-{number}" if "response" in name and name.endswith("id") and isinstance(value, str) else value
                for name, value in span.attributes.items()
            }
            yield span._replace(
                trace_id=number << 64, attributes=attributes, start_ns=span.start_ns + shift, end_ns=span.end_ns + shift
            )


@pytest.mark.parametrize("max_bytes", [1 << 30, 50_000])
def test_some(max_bytes: int, tmp_path: Path) -> None:
    """Some recordings, with memory for all spans or for few: others are read back."""
    _check(list(_spans(_cases()[::_SOME])), max_bytes, tmp_path, Random(max_bytes))  # noqa: S311 -- repeatable


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
def test_all(part: int, tmp_path: Path) -> None:
    """All recordings."""
    _check(list(_spans(_cases()[part::_PARTS])), 1_000_000, tmp_path, Random(part))  # noqa: S311 -- repeatable


@pytest.mark.parametrize("max_bytes", [1 << 30, 1])
@pytest.mark.parametrize("attributes", [{"gen_ai.response.id": "r-1"}, {}])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("restarts", [False, True])
def test_call_of_two_traces(
    order: tuple[int, int], attributes: dict[str, str], max_bytes: int, tmp_path: Path, *, restarts: bool
) -> None:
    """A call that two traces report counts once: they may come apart, one before a restart, and get further spans."""
    own = [stored_span(1, at=0.0, attributes={"session.id": "a"}), call(2, 1, at=0.1, scope_name="openai", attributes=attributes)]
    other = call(1, None, trace_id=2, at=0.1, scope_name="litellm", attributes=attributes)
    late = stored_span(3, 1, at=0.5)
    (tmp_path / "spans.pb").write_bytes(sized(in_protobuf([*own, other, late])))
    contents = [in_protobuf(own), in_protobuf([other])]
    with History(tmp_path / "live") as live, History(tmp_path / "replayed") as replayed:
        steps = Steps(live, max_bytes)
        for at in order:
            steps.take(contents[at])
            steps.wait(20.0)
            if restarts:
                steps.restart()
        steps.take(in_protobuf([late]))
        steps.finish()
        _replay(tmp_path, replayed)
        assert 1 == replayed.rows("SELECT count(*) FROM calls WHERE counts")[0][0]
        assert [] == differing(tables(live), tables(replayed))


@pytest.mark.parametrize("max_bytes", [1 << 30, 1])
@pytest.mark.parametrize("is_first", [False, True])
def test_feedback(max_bytes: int, tmp_path: Path, *, is_first: bool) -> None:
    """Feedback stays when its trace gets more spans, though its trace is not in memory any more, or was not there yet."""
    feedback = stored_span(
        9, 1, at=5000.0, name="feedback", scope_name="otel_session_agg", attributes={"session.id": "a"} if is_first else {}
    )
    spans = [stored_span(1, at=0.0, attributes={"session.id": "a"}), call(2, 1, at=0.1), stored_span(3, 1, at=0.5)]
    spans.insert(0 if is_first else 2, feedback)
    (tmp_path / "spans.pb").write_bytes(sized(in_protobuf(spans)))
    with History(tmp_path / "live") as live, History(tmp_path / "replayed") as replayed:
        steps = Steps(live, max_bytes)
        for span in spans:
            steps.take(in_protobuf([span]))
            steps.wait(20.0)
        _replay(tmp_path, replayed)
        assert [(True,)] == replayed.rows("SELECT feedback FROM sessions")
        assert [] == differing(tables(live), tables(replayed))


def _replay(folder: Path, history: History) -> None:
    job = Replay([folder / "spans.pb"], history, KEEPING, processes=1)
    job.run()
    job.close()


def _check(spans: list[SpanData], max_bytes: int, folder: Path, random: Random) -> None:
    """Compare: in any order, in requests of any size, at any time, a tenth of the spans twice."""
    contents = list(requests(twice(spans, random), random, most=200))
    (folder / "spans.pb").write_bytes(sized(in_protobuf(spans)))
    with History(folder / "live") as live, History(folder / "replayed") as replayed:
        steps = Steps(live, max_bytes)
        for content in contents:
            steps.take(content, seconds=random.choice((0.0, 0.01, 0.05, 0.4, 3.0)))
        steps.finish()
        _replay(folder, replayed)
        assert [] == differing(tables(live), tables(replayed))
        assert steps.number == steps.done
        assert sum(map(len, contents)) == steps.share
