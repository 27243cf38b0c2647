"""Help texts of commands that are longer than a line."""

from __future__ import annotations

from typing import Final

from otel_session_agg._history.figures import OF_SESSIONS
from otel_session_agg._history.rollup_tables import SESSIONS


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(texts)


SESSIONS_HELP: Final = _paragraphs(
    "List the sessions of a store, those that were active last first.",
    (
        "--json and --csv print all columns, and --sort, --columns and --where take any of them:"
        f" {', '.join(SESSIONS.by_name)}; and dimensions (service.name ...) and metadata."
    ),
    (
        "--group-by takes one or several of user, hour, day, month (in which a session began),"
        " end_reason, dimensions and metadata, and adds up each group, with a row of totals:"
        f" {', '.join(OF_SESSIONS)} (a table has some of them, --columns chooses)."
        " One of model, agent and tool can be among them: each then has the figures of its"
        " own calls, in as many sessions as had some."
        " --where then chooses sessions, --sort and --limit groups."
    ),
    (
        "--where is a condition in SQL, or without quotes: 'state = open and user = ada'."
        " Cost is in USD, durations are in milliseconds, times in UTC."
        " What is not known, such as a cost, is blank or null;"
        " it comes last and meets no condition."
    ),
)
DEMO_HELP: Final = (
    "Run agents against a local model server and show the totals that arrive over OTLP:"
    " no key, no network."
)
DOCTOR_HELP: Final = (
    "Look at what keeps totals away: settings, store, prices, instrumentations,"
    " the SDK's variables.\n\n"
    "The exit code is 1 when there is a problem. Nothing is changed, and no span is sent."
)
REPLAY_HELP: Final = _paragraphs(
    "Count the traces of files: what did each session cost, and what is it made of?",
    (
        "Spans may be in any order, and traces spread over files. Reads OTLP in JSON and"
        " protobuf, gzip and zstd, and the exports of other backends (--format)."
    ),
    "Examples:",
    "otel-session-agg replay traces/ --group-by user,day",
    "otel-session-agg replay spans.jsonl.gz --where 'cost > 0.10' --sort=-cost --limit 20",
    "otel-session-agg replay traces/ --prices mine.yaml --csv > sessions.csv",
    (
        "Exit codes: 0 done; 1 nothing was done; 2 the command line is wrong; 3 done, but"
        " something could not be read; 4 it costs more than --fail-over; 130 interrupted, what"
        " was read is counted."
    ),
)
EXPLAIN_HELP: Final = _paragraphs(
    "Show why the totals of a session or a trace in files are what they are.",
    (
        "Each span: whether it counts or what it lost to, by which keys its figures were read,"
        " and each part of its price; the sum is that of `replay`."
    ),
    "Examples:",
    "otel-session-agg explain traces/ --session chat-42",
    "otel-session-agg explain spans.jsonl.gz --trace 4f77fd2096b3c0e7d641b068d398df88",
    "otel-session-agg explain traces/ --dearest 5 --depth 2",
    (
        "Exit codes: 0 done; 1 there is no such session or trace; 2 the command line is wrong;"
        " 3 done, but something could not be read; 130 interrupted."
    ),
)
REPORT_HELP: Final = _paragraphs(
    "Write a page about the sessions of files, or of a kept history, that needs no network.",
    (
        "Cost over time and by model, agent, tool, user and dimensions, distributions, a calendar,"
        " the sessions that stand out with their spans, and the dearest ones in a table."
    ),
    "Examples:",
    "otel-session-agg report traces/ --html report.html",
    "otel-session-agg report spans.jsonl.gz --html report.html --segment tenant",
    "otel-session-agg report --history kept.duckdb --html may.html --since 2026-05-01",
    "otel-session-agg report traces/ --html ada.html --where \"user = 'ada' and cost > 0.10\"",
    (
        "Exit codes: 0 done; 1 nothing was written; 2 the command line is wrong;"
        " 3 done, but something could not be read; 130 interrupted."
    ),
)
DIFF_HELP: Final = _paragraphs(
    "Compare costs: the same traces by other prices, or two sets of traces, and why they differ.",
    (
        "A and B are files, patterns or folders of traces, or files that `replay --history` kept."
        " Without B, A is priced twice: as the options that end in -before and -after say;"
        " a kept file as it was when it was made, where they say nothing."
        " Calls are the same when trace and span are; each differs for one reason."
        " What a call costs whose price is not known is in no sum: such calls are counted."
    ),
    "Examples:",
    "otel-session-agg diff traces/ --prices-after offer.yaml",
    "otel-session-agg diff traces/ --price-date-after 2026-01-01 --by user,model",
    "otel-session-agg diff traces/ --recorded-cost-after ignore --by call --limit 20",
    "otel-session-agg diff last-week.duckdb this-week.duckdb --by day --csv",
    (
        "Exit codes: 0 done; 1 nothing was done; 2 the command line is wrong; 3 done, but"
        " something could not be read; 4 it costs more by over --fail-over; 130 interrupted,"
        " nothing was compared."
    ),
)
SERVE_HELP: Final = _paragraphs(
    "Take spans over OTLP/HTTP, count them while they come, and show sessions on a page.",
    (
        "PATH is counted first, as `replay` does. Exporters and collectors send to port 4318; the"
        " page is at http://127.0.0.1:8765, the API below /api/v1 there, described by"
        " /api/v1/openapi.json. Only this machine reaches both, unless --host says otherwise; then"
        " a token is asked for."
    ),
    "Examples:",
    "otel-session-agg serve",
    "otel-session-agg serve traces/ --open",
    "otel-session-agg serve --history sessions.duckdb --keep-days 30 --alerts alerts.yaml",
    "otel-session-agg serve --host 0.0.0.0 --certfile cert.pem --keyfile key.pem",
    (
        "Exit codes: 0 ended by Ctrl-C or SIGTERM, with all that was taken kept; 1 it could not"
        " start, or ended by itself; 2 the command line is wrong; 130 interrupted while files were"
        " read."
    ),
)
