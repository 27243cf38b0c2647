"""Replaying files."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from otel_session_agg import SessionAggError, SettingsError, replay
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection, tables_of
from otel_session_agg._history.tables import KEPT
from otel_session_agg._model.span import SpanEvent
from otel_session_agg._offline.beginning import begin_replay
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.progress import Progress
from otel_session_agg._offline.replay import Replay
from tests.support.offline import EPOCH_NS, call, stored_span
from tests.support.otlp_files import in_json, in_protobuf, sized, write_files

_TRACES = [[stored_span(1, trace_id=number), call(2, 1, trace_id=number)] for number in range(1, 101)]
_SPANS = [span for trace in _TRACES for span in trace]


@pytest.fixture
def history() -> Iterator[History]:
    """A temporary history."""
    with History() as opened:
        yield opened


def _replay(history: History, *paths: Path, **more: object) -> Replay[History]:
    job = Replay(paths, history, Options(), **more)  # type: ignore[arg-type]
    job.run()
    return job


def _cost(history: History) -> tuple[int, str]:
    [(number, cost)] = history._reader().execute("SELECT count(*), sum(cost) FROM traces").fetchall()
    return number, f"{cost:.6f}"


class TestInput:
    """What is read."""

    def test_folder(self, history: History, tmp_path: Path) -> None:
        """All files of a folder, in all forms at once."""
        write_files(tmp_path, _SPANS, Random(1))  # noqa: S311 -- repeatable
        job = _replay(history, tmp_path)
        job.close()
        assert (100, "0.021000") == _cost(history)
        assert (4, 200, 100, []) == (job.done.num_files, job.done.num_spans, job.done.num_traces, job.done.problems)

    def test_unknown(self, history: History, tmp_path: Path) -> None:
        """A file in no known format, and one that is not there, are reported; the rest is read."""
        (tmp_path / "notes.txt").write_text("hello")
        (tmp_path / "spans.jsonl").write_bytes(in_json(_SPANS))
        job = _replay(history, tmp_path, tmp_path / "missing.pb")
        job.close()
        assert (100, "0.021000") == _cost(history)
        assert {"notes.txt", "missing.pb"} == {Path(problem.source).name for problem in job.done.problems}

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
    def test_utf16(self, history: History, tmp_path: Path, encoding: str) -> None:
        """Text in UTF-16, as some shells write it, is named."""
        mark = "\ufeff" if encoding.endswith("be") else ""
        (tmp_path / "spans.jsonl").write_text(mark + in_json(_SPANS).decode(), encoding)
        job = _replay(history, tmp_path)
        job.close()
        assert ["is in no known format, but in UTF-16"] == [problem.what for problem in job.done.problems]

    def test_broken(self, history: History, tmp_path: Path) -> None:
        """A broken line in the middle, and a message that is cut off at the end, cost only themselves."""
        (tmp_path / "a.jsonl").write_bytes(in_json(_SPANS[:100]) + b'{"resourceSpans": [{]}\n' + in_json(_SPANS[100:150]))
        (tmp_path / "b.pb").write_bytes(sized(in_protobuf(_SPANS[150:])) + sized(in_protobuf(_SPANS[:1]))[:-5])
        job = _replay(history, tmp_path)
        job.close()
        assert (100, "0.021000") == _cost(history)
        assert {("a.jsonl", "line 2")} < {(Path(one.source).name, one.place) for one in job.done.problems}
        assert 2 == job.done.num_problems

    def test_no_such_format(self, history: History) -> None:
        """The name of a format has to be known."""
        with pytest.raises(SessionAggError, match="there is no format 'xml': use one of otlp-json, "):
            Replay([], history, Options(), form="xml")

    @pytest.mark.parametrize("text", ["", "\n", " \r\n\n\t\n", "\ufeff\n"])
    @pytest.mark.parametrize("form", [None, "otlp-jsonl", "csv"])
    def test_blank(self, history: History, tmp_path: Path, text: str, form: str | None) -> None:
        """A file that has nothing but blank lines is as an empty one."""
        (tmp_path / "spans.jsonl").write_text(text)
        job = _replay(history, tmp_path, form=form)
        job.close()
        assert (1, 0, []) == (job.done.num_files, job.done.num_spans, job.done.problems)

    def test_blank_before_unknown(self, history: History, tmp_path: Path) -> None:
        """Many blank lines are an empty file, too, unless something follows them."""
        (tmp_path / "blank.jsonl").write_text("\n" * 200_000)
        (tmp_path / "spans.jsonl").write_text("\n" * 200_000 + "hello")
        job = _replay(history, tmp_path)
        job.close()
        assert ["is in no known format"] == [problem.what for problem in job.done.problems]

    def test_nothing(self, history: History, tmp_path: Path) -> None:
        """An empty folder has no traces."""
        job = _replay(history, tmp_path)
        job.close()
        assert (0, 0, 0) == (job.done.num_files, job.done.num_spans, job.done.num_traces)


class TestFeedback:
    """Feedback that ``record_feedback`` has exported."""

    def test_feedback(self, history: History, tmp_path: Path) -> None:
        """It is no event: a session has it, within a trace or outside of any, and so has the root of its trace."""
        given: dict[str, Any] = {
            "name": "feedback",
            "scope_name": "otel_session_agg",
            "events": (SpanEvent("gen_ai.evaluation.result", {"a": 1}, 5),),
        }
        chat = [stored_span(1, attributes={"session.id": "a"}), call(2, 1), stored_span(3, 1, **given)]
        other = [stored_span(1, trace_id=2, attributes={"session.id": "b"}), call(2, 1, trace_id=2)]
        alone = stored_span(1, trace_id=3, attributes={"session.id": "b"}, **given)
        (tmp_path / "a.jsonl").write_bytes(in_json([*chat, *other, alone]))
        _replay(history, tmp_path).close()
        rows = history.rows("SELECT session, feedback, events, traces, turns FROM sessions ORDER BY session")
        assert [("a", True, 1, 1, 1), ("b", True, 1, 1, 1)] == rows

    def test_late(self, tmp_path: Path) -> None:
        """A kept history remembers it when its trace gets more spans, or spans at all, whichever comes first."""
        given: dict[str, Any] = {"name": "feedback", "scope_name": "otel_session_agg", "at": 90_000.0}
        chat = [stored_span(1, attributes={"session.id": "a"}), call(2, 1)]
        rated = stored_span(9, 1, **given)
        alone = stored_span(9, 1, trace_id=2, attributes={"session.id": "b"}, **given)
        other = [stored_span(1, trace_id=2, attributes={"session.id": "b"}), call(2, 1, trace_id=2)]
        files = [[*chat, rated, alone], other, [stored_span(3, 1), stored_span(3, 1, trace_id=2)]]
        for number, spans in enumerate(files):
            (tmp_path / f"{number}.jsonl").write_bytes(in_json(spans))
            with replay(tmp_path / f"{number}.jsonl", history=tmp_path / "kept") as sessions:
                sql = "SELECT session, feedback FROM sessions WHERE traces > 0 ORDER BY session"
                assert [("a", True), ("b", True)][: number + 1] == sessions.rows(sql)
        with History(tmp_path / "kept") as history:
            assert [(True, 3)] * 2 == history.rows("SELECT feedback, spans FROM traces")
            sql = "SELECT session, kind, count(*) FROM spans WHERE kind = 'feedback' GROUP BY ALL ORDER BY ALL"
            assert [("a", "feedback", 1), ("b", "feedback", 1)] == history.rows(sql)
            assert [(8,)] == history.rows("SELECT count(*) FROM spans")


class TestRun:
    """How it goes."""

    def test_progress(self, history: History, tmp_path: Path) -> None:
        """It is told how far it is: all bytes when all is read, all spans when all is counted."""
        path = tmp_path / "spans.jsonl"
        path.write_bytes(in_json(_SPANS))
        seen: list[tuple[object, ...]] = []

        def note(progress: Progress) -> None:
            seen.append((progress.phase, progress.num_spans, progress.total_spans, progress.total_bytes))

        _replay(history, path, progress=note).close()
        assert [("reading", 200, 0, path.stat().st_size), ("counting", 200, 200, path.stat().st_size)] == [seen[0], seen[-1]]

    def test_stop(self, history: History, tmp_path: Path) -> None:
        """It can be stopped: what was read by then is counted."""
        paths = []
        for number in range(10):
            paths.append(tmp_path / f"{number}.jsonl")
            paths[-1].write_bytes(in_json(_SPANS[20 * number : 20 * number + 20]))
        job = Replay(paths, history, Options(), progress=lambda _: job.stop())
        job.run()
        job.close()
        assert job.done.is_interrupted
        assert 0 < _cost(history)[0] == job.done.num_traces < 100

    def test_leaves_nothing(self, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it puts aside is gone when it is closed."""
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        job = Replay([], history, Options())
        assert [] != list(tmp_path.iterdir())
        job.close()
        assert [] == list(tmp_path.iterdir())


class TestSpans:
    """The spans of one trace."""

    def test_spans_of(self, history: History, tmp_path: Path) -> None:
        """They can be had again."""
        write_files(tmp_path, _SPANS, Random(1))  # noqa: S311 -- repeatable
        job = _replay(history, tmp_path)
        assert _TRACES[6] == sorted((row.span for row in job.spans_of(7)), key=lambda span: span.span_id)
        assert [] == job.spans_of(12345)
        job.close()


class TestKept:
    """A history that is kept."""

    @pytest.mark.parametrize("at_once", [1, 10**6])
    def test_late(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
        """Spans of a trace that come in a later file are counted with those that came before."""
        monkeypatch.setattr("otel_session_agg._offline.replay._PUT_ASIDE_BYTES", at_once)
        first, late = tmp_path / "first.jsonl", tmp_path / "late.jsonl"
        agent = stored_span(1, attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9})
        first.write_bytes(in_json([agent, call(2, 1)]))
        late.write_bytes(in_json([call(3, 1), call(2, 1)]))
        path = tmp_path / "kept.duckdb"
        for number, files in enumerate(([first], [late], [first, late], [late]), 1):
            with History(path) as history:
                job = Replay(files, history, Options(tables=KEPT))
                job.run()
                job.close()
                calls = history.rows("SELECT count(*) FROM calls WHERE counts")
                spans = history.rows("SELECT count(*) FROM spans")
                assert ((1, f"{0.00021 * min(number, 2):.6f}"), [(min(number, 2),)], [(min(number, 2) + 1,)]) == (
                    _cost(history),
                    calls,
                    spans,
                )


class TestPython:
    """``otel_session_agg.replay``."""

    def test_selection(self, tmp_path: Path) -> None:
        """Selections are read when rows are asked for, as dictionaries and as frames."""
        write_files(tmp_path, _SPANS, Random(1))  # noqa: S311 -- repeatable
        with replay(tmp_path) as sessions:
            dear = sessions.where("cost > 0").columns("session", "cost").sort("session").limit(2)
            expected = [{"session": f"{number:032x}", "cost": Decimal("0.00021")} for number in (1, 2)]
            assert expected == list(dear)
            assert expected == dear.to_pandas().to_dict("records")
            assert expected == dear.to_polars().to_dicts()
            assert (Decimal("0.021"), 100) == (sessions.cost_usd, len(list(sessions.by("call"))))
            assert Decimal("0.021") == sessions.group_by("day").result().total["cost"]

    def test_explain(self, tmp_path: Path) -> None:
        """A session and a trace can be explained."""
        write_files(tmp_path, _SPANS, Random(1))  # noqa: S311 -- repeatable
        with replay([tmp_path]) as sessions:
            assert 0.00021 == sessions.explain(trace_id=f"{5:032x}").cost_usd
            assert 2 == len(sessions.explain(session_id=f"{5:032x}").spans)

    def test_explain_repeated(self, tmp_path: Path) -> None:
        """Of a span that is there twice, that one is explained which counts."""
        early = call(1, None, tokens=(1, 1))
        late = call(1, None, end_ns=early.end_ns + 1)
        (tmp_path / "a.jsonl").write_bytes(in_json([early, late]))
        with replay(tmp_path) as sessions:
            assert 0.00021 == float(sessions.cost_usd) == sessions.explain(trace_id=1).cost_usd

    def test_no_date(self) -> None:
        """A time that is none in UTC is refused."""
        with pytest.raises(SettingsError, match="is no date or time"):
            replay([], price_date="0001-01-01T00:00+14:00")

    def test_price_date(self, tmp_path: Path) -> None:
        """Prices may be as of another day, in the explanation, too."""
        (tmp_path / "a.jsonl").write_bytes(in_json([call(1, None, model="o3")]))
        costs = []
        for day in ("2025-06-09", "2025-06-11"):
            with replay(tmp_path, price_date=day) as sessions:
                costs.append((float(sessions.cost_usd), sessions.explain(trace_id=1).cost_usd))
        assert [(0.014, 0.014), (0.0028, 0.0028)] == costs

    def test_table(self) -> None:
        """A frame of spans can be replayed."""
        row = {
            "trace_id": "0" * 31 + "1",
            "span_id": "0" * 15 + "1",
            "name": "chat",
            "start_time": EPOCH_NS,
            "end_time": EPOCH_NS + 1,
        }
        frame = pd.DataFrame([{**row, "attributes": json.dumps(dict(call(1, None).attributes))}])
        with replay(frame) as sessions:
            assert Decimal("0.00021") == sessions.cost_usd

    def test_wrong(self, tmp_path: Path) -> None:
        """What is neither a path nor a table is refused, and so is a date that is none."""
        with pytest.raises(SettingsError, match="int cannot be replayed so: it is no path"):
            replay([5])
        with pytest.raises(SettingsError, match="'soon' is no date or time"):
            replay(tmp_path, price_date="soon")

    def test_again(self, tmp_path: Path, history: History) -> None:
        """What was kept is counted again from its spans, together with files."""
        path, more = tmp_path / "kept.duckdb", tmp_path / "more.jsonl"
        (tmp_path / "spans.jsonl").write_bytes(in_json(_SPANS))
        more.write_bytes(in_json([stored_span(1, trace_id=500), call(2, 1, trace_id=500)]))
        with History(path) as kept:
            replay = Replay([tmp_path / "spans.jsonl"], kept, Options(tables=KEPT))
            replay.run()
            replay.close()
        again = _replay(history, path, more)
        again.close()
        assert ((101, "0.021210"), 202, 2) == (_cost(history), again.done.num_spans, again.done.num_files)
        with pytest.raises(SessionAggError, match="only files of traces"):
            Replay([path], history, Options(with_roots=True))

    def test_spans_of_what_is_kept(self, tmp_path: Path) -> None:
        """Where spans are not kept, there are not none of them: it is said."""
        (tmp_path / "spans.jsonl").write_bytes(in_json([call(1, None)]))
        with replay(tmp_path / "spans.jsonl") as sessions, pytest.raises(SettingsError, match="history that is kept"):
            list(sessions.by("span"))
        with replay(tmp_path / "spans.jsonl", history=tmp_path / "kept.duckdb") as sessions:
            assert 1 == len(list(sessions.by("span")))


class TestTables:
    """Tables that are filled when they are asked for."""

    QUERIES = (
        "SELECT * FROM sessions ORDER BY session",
        "SELECT * FROM traces ORDER BY trace_id",
        "SELECT * FROM calls ORDER BY trace_id, span_id",
        "SELECT * FROM breakdown ORDER BY session, kind, name",
    )

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A file of sessions whose traces are in several batches, and of traces without one."""
        monkeypatch.setattr("otel_session_agg._offline.spool.BATCH_SPANS", 30)
        spans = [
            span._replace(attributes={**span.attributes, **({"session.id": f"s{number % 7}"} if number % 3 else {})})
            for number in range(1, 61)
            for span in (
                stored_span(1, trace_id=number, at=number * 10),
                call(2, 1, trace_id=number, at=number * 10 + 0.1),
                stored_span(3, 1, trace_id=number, at=number * 10 + 0.2, name="t", attributes={"gen_ai.tool.name": "t"}),
            )
        ]
        path = tmp_path / "spans.jsonl"
        path.write_bytes(in_json(spans))
        return path

    @pytest.mark.parametrize("first", QUERIES)
    def test_same(self, path: Path, history: History, first: str) -> None:
        """Whichever is asked for first, all are as when they were filled at once."""
        _replay(history, path).close()
        expected = {sql: history.rows(sql) for sql in self.QUERIES}
        assert all(expected.values())
        with replay(path) as sessions:
            assert expected[first] == sessions.rows(first)
            assert expected == {sql: sessions.rows(sql) for sql in self.QUERIES}
            assert expected == {sql: sessions.history.rows(sql) for sql in self.QUERIES}

    def test_selections(self, path: Path) -> None:
        """A selection finds the same by itself, and while rows of another one are still read."""
        with replay(path) as first, replay(path) as second:
            wanted = [(first.by(what), second.by(what).history) for what in ("session", "trace", "root", "call")]
            rows = iter(first)
            one = next(rows)
            for selection, history in wanted:
                assert list(history.select(selection.selection).rows) == list(selection.result().rows)
            split = first.group_by("model").columns("calls", "unpriced")
            assert [(60, 0)] == [(row["calls"], row["unpriced"]) for row in split]
            assert 27 == len([one, *rows])

    def test_needed_only(self, path: Path) -> None:
        """Sessions alone are not counted twice."""
        with replay(path) as sessions:
            history = sessions._replay.history
            assert 27 == len(list(sessions.where("cost > 0")))
            assert sessions.cost_usd
            assert history is sessions._replay.history
            assert [(0,)] == history.rows("SELECT count(*) FROM calls")
            assert 60 == len(list(sessions.by("call")))
            assert history is not sessions._replay.history

    @pytest.mark.parametrize(
        "asked",
        [
            Selection(),
            Selection(columns=("session", "Idle_Duration")),
            Selection(columns=("session",), where='cost > 0 and "MODEL_DURATION" > 5'),
            Selection(columns=("session",), sort="-tool_duration"),
            Selection(columns=("cost",), group_by=("user",)),
            Selection(by="trace", columns=("cost",)),
        ],
    )
    def test_details(self, path: Path, asked: Selection) -> None:
        """Columns that come from details are filled when they are asked for, or anything that may read them is."""
        plain = Selection(columns=("session", "cost"), where="cost >= 0", sort="cost")
        job, sessions = begin_replay(path, tables=tables_of(plain))
        with sessions, replay(path) as whole:
            job.run()
            before = job.history
            assert list(whole.selected(plain).rows) == list(sessions.selected(plain).rows)
            assert (whole.cost_usd, before) == (sessions.cost_usd, job.history)
            try:
                expected = list(whole.selected(asked).rows)
            except SessionAggError:  # a column is not named in capitals
                return
            assert expected == list(sessions.selected(asked).rows)
            assert job.history is not before

    def test_details_in_queries(self, path: Path) -> None:
        """Queries of one's own find them."""
        job, sessions = begin_replay(path, tables=tables_of(Selection(columns=("cost",))))
        with sessions:
            job.run()
            assert [(60_000,)] == sessions.rows("SELECT sum(model_duration) FROM sessions")

    def test_interrupted(self, path: Path) -> None:
        """What was not counted before Ctrl-C is not counted later."""
        job, sessions = begin_replay(path, progress=lambda at: job.stop() if at.phase == "counting" else None)
        with sessions:
            job.run()
            [(traces,)] = sessions.rows("SELECT sum(traces) FROM sessions")
            assert 0 < traces < 60
            assert [(traces,)] == sessions.rows("SELECT count(*) FROM traces")

    def test_repriced(self, path: Path) -> None:
        """Other prices hold in all tables."""
        prices = {"gpt-4o-mini": {"input": 1, "output": 1}}
        with replay(path) as sessions, sessions.repriced(prices=prices) as dearer:
            [(cost,)] = dearer.rows("SELECT sum(cost) FROM calls")
            assert cost == dearer.cost_usd != sessions.cost_usd
            [(cost,)] = sessions.rows("SELECT sum(cost) FROM calls")
            assert cost == sessions.cost_usd

    def test_collector(self, path: Path) -> None:
        """Python's garbage collector is afterwards as it was."""
        with replay(path):
            assert gc.isenabled()
        with pytest.raises(SessionAggError):
            replay([path], format="csv", prices={"x": {"input": -1}})
        assert gc.isenabled()
