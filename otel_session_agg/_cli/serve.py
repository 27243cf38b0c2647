"""The command ``serve``: take spans, count them, and show what they come to."""

from __future__ import annotations

import os
import secrets
import signal
import ssl
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_network
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from otel_session_agg._cli.interrupts import ended_at_once
from otel_session_agg._cli.progress import shown_progress
from otel_session_agg._cli.replay import DONE, FAILED, INTERRUPTED, print_notes, say
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._extras import needed
from otel_session_agg._serve.access import is_loopback
from otel_session_agg._serve.open_files import allow_more
from otel_session_agg._serve.places import Certificate, Places
from otel_session_agg._settings import Settings
from otel_session_agg._threads.messages import messages
from otel_session_agg._untrusted.formatting import printable

if TYPE_CHECKING:
    from otel_session_agg._alerts.engine import AlertEngine
    from otel_session_agg._history.shared import SharedHistory
    from otel_session_agg._offline.options import Options
    from otel_session_agg._serve.serving import Serving, Work
    from otel_session_agg._views.session_links import LinkTemplate

KEEP_DAYS = 30.0
TOKEN_VARIABLE = "OTEL_SESSION_AGG_SERVE_TOKEN"  # noqa: S105 -- the name of a variable
"""Has what the page and the API ask for, so that it is in no list of processes."""
INGEST_TOKEN_VARIABLE = "OTEL_SESSION_AGG_INGEST_TOKEN"  # noqa: S105
"""The same for the receiver."""
_TOKEN_BYTES = 24
_POLL_SECONDS = 0.5
_LIBRARIES = ("duckdb", "msgspec", "fastapi", "uvicorn", "dash", "dash_ag_grid", "numpy")
"""All are imported before threads are: charts are drawn by several, and one would find what another
has imported by half.
"""
_TURN_SECONDS = 0.0005
"""How long a thread computes, such as one that draws, while others wait for the interpreter.

A request changes threads some times before it is answered, and waits so long each time.
"""
Meanwhile = Callable[[str], AbstractContextManager[object]]
_OLDEST = "SELECT min(end_time) FROM sessions"


@dataclass(frozen=True, slots=True)
class Given:
    """The options of the command."""

    paths: list[str]
    history: str | None = None
    keep_days: float | None = None
    no_content: bool = False
    host: str = "127.0.0.1"
    port: int = 8765
    otlp_port: int = 4318
    token: str | None = None
    ingest_token: str | None = None
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    certfile: str | None = None
    keyfile: str | None = None
    alerts: str | None = None
    prices: str | None = None
    links: tuple[str, ...] = ()
    opens: bool = False
    """Whether the page is opened in a browser."""
    settings: Settings | None = None
    """How spans are read; ``None``: as environment variables say."""


def run_serve(given: Given, meanwhile: Meanwhile = nullcontext) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code.

    Args:
        given: The options.
        meanwhile: What is done while the receiver, whose address it is given, takes spans.

    Raises:
        SessionAggError: an argument is wrong, a library is missing, a port is in use, or a file
            cannot be used.

    """
    with ended_at_once():
        for library in _LIBRARIES:
            needed(library, "serve")
        from otel_session_agg._alerts import engine, rules_file  # noqa: F401, PLC0415 -- of extras
        from otel_session_agg._live import counter  # noqa: F401, PLC0415
        from otel_session_agg._page import page  # noqa: F401, PLC0415
        from otel_session_agg._serve.serving import Serving  # noqa: PLC0415

    places, stopped = places_of(given), _Stopped()
    with ExitStack() as stack:
        stack.callback(messages.flush)
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_TURN_SECONDS)
        allow_more()
        serving = stack.enter_context(Serving(places))
        try:
            work = stack.enter_context(working(given))
        except KeyboardInterrupt:
            say("interrupted while files were read")
            return INTERRUPTED
        stack.enter_context(stopped)
        serving.start(work)
        stack.callback(serving.close)  # before what it uses is closed
        _say_where(serving, places, given)
        stack.enter_context(meanwhile(serving.otlp_url))
        if given.opens:
            webbrowser.open(serving.page_url)
        while not stopped.is_stopped:
            if serving.wait(_POLL_SECONDS):
                say("the server has ended by itself")
                return FAILED
        say("stopping: requests are answered, and what was taken is written. Again: stop at once")
    return DONE


class _Stopped:
    """Knows whether a signal has asked to stop; the second one is as without this."""

    def __init__(self) -> None:
        self.is_stopped = False

    def __enter__(self) -> _Stopped:  # noqa: PYI034 -- ``Self`` is not in Python 3.10
        self._before = {one: signal.signal(one, self._stop) for one in _SIGNALS}
        return self

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.is_stopped = True
        signal.signal(number, self._before[signal.Signals(number)])

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def places_of(given: Given) -> Places:
    """Return where the server listens, with a token where one is needed.

    Raises:
        SettingsError: the options do not go together, or the certificate cannot be used.

    """
    token = given.token or os.environ.get(TOKEN_VARIABLE) or None
    ingest_token = given.ingest_token or os.environ.get(INGEST_TOKEN_VARIABLE) or None
    if token is None and (given.names or not is_loopback(given.host)):
        token = secrets.token_urlsafe(_TOKEN_BYTES)
    for one in (token, ingest_token):
        if one is not None and not (one.isascii() and one.isprintable() and " " not in one):
            message = "a token is of ASCII letters, digits and signs, without blanks"
            raise SettingsError(message)
    for one in given.proxies:
        _check_network(one)
    certificate = None
    if given.certfile is not None:
        _check_certificate(given.certfile, given.keyfile)
        certificate = Certificate(given.certfile, given.keyfile)
    elif given.keyfile is not None:
        message = "--keyfile goes with --certfile"
        raise SettingsError(message)
    return Places(
        given.host,
        given.port,
        given.otlp_port,
        token,
        ingest_token,
        given.names,
        given.proxies,
        certificate,
    )


def _check_network(text: str) -> None:
    try:
        ip_network(text, strict=False)
    except ValueError:
        message = f"{printable(text)} is no address or network, such as 127.0.0.1 or 10.0.0.0/8"
        raise SettingsError(message) from None


def _check_certificate(certfile: str, keyfile: str | None) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile)
    except (OSError, ssl.SSLError) as error:
        message = f"the certificate cannot be used: {error.strerror or error}"
        raise SettingsError(message) from None


@contextmanager
def working(given: Given) -> Iterator[Work]:
    """Open the history, count what files have, and begin to count what comes.

    Raises:
        SessionAggError: a file cannot be used.

    """
    from otel_session_agg._alerts.engine import AlertEngine  # noqa: PLC0415 -- needs an extra
    from otel_session_agg._alerts.rules_file import NO_RULES, load_rules  # noqa: PLC0415
    from otel_session_agg._history.shared import SharedHistory  # noqa: PLC0415
    from otel_session_agg._live.counter import LiveCounter  # noqa: PLC0415
    from otel_session_agg._offline.options import Options  # noqa: PLC0415
    from otel_session_agg._serve.serving import Work  # noqa: PLC0415
    from otel_session_agg._views.session_links import links_of  # noqa: PLC0415

    links = links_of(given.links)
    path = None if given.history is None else Path(given.history)
    stated = Options(given.settings or Settings(), has_content=not given.no_content)
    options = stated.priced(given.prices, None, "keep")
    rules = NO_RULES if given.alerts is None else load_rules(Path(given.alerts))
    with ExitStack() as stack:
        history = stack.enter_context(SharedHistory(path))
        keep_days = _days_of(given, history)
        counter = stack.enter_context(LiveCounter(history, options, keep_days=keep_days))
        if given.paths:
            with shown_progress() as show:
                print_notes(counter.load(given.paths, show))
        alerts = AlertEngine(rules, history.reading, state=_beside(path, ".alerts.sqlite"))
        stack.callback(alerts.close)
        counter.subscribe(alerts.changed)
        counter.start()
        alerts.start()
        yield Work(history, counter, options, alerts, _views(given, options, alerts, links))
    if path is not None and counter.left is not None:
        say(f"not all that was taken is counted yet: the rest is in {printable(str(counter.left))},"
            " and is counted when this history is served again")  # fmt: skip


def _beside(path: Path | None, ending: str) -> Path | None:
    """Return a file beside the history; ``None``: that is gone at the end."""
    return None if path is None else path.with_name(f"{path.name}{ending}")


def _views(
    given: Given, options: Options, alerts: AlertEngine, links: Mapping[str, LinkTemplate]
) -> dict[str, object]:
    """Return what single views of the page need."""
    from otel_session_agg._page.session import SessionOptions  # noqa: PLC0415
    from otel_session_agg._views.boards import Boards, boards_path  # noqa: PLC0415

    shown = SessionOptions(links, options.price_book(), shows_content=not given.no_content)
    boards = Boards(None if given.history is None else boards_path(Path(given.history)))
    return {"session": shown, "charts": boards, "alerts": alerts}


def _days_of(given: Given, history: SharedHistory) -> float | None:
    """Return after how many days sessions are deleted; ``None``: never.

    By default nothing is deleted of files that are loaded, nor of a history that goes back longer
    than a server would have kept it: somebody else has made that.
    """
    if given.keep_days is not None:
        return given.keep_days or None
    if given.paths:
        return None
    with history.reading() as reader:
        [(oldest,)] = reader.rows(_OLDEST)
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    if oldest is not None and now - oldest > 2 * timedelta(days=KEEP_DAYS):
        say(f"the history goes back to {oldest:%Y-%m-%d}: nothing is deleted, as --keep-days is not"
            " given")  # fmt: skip
        return None
    return KEEP_DAYS


def _say_where(serving: Serving, places: Places, given: Given) -> None:
    is_own = given.token or os.environ.get(TOKEN_VARIABLE)
    lines = [
        f"page      {serving.page_url}/",
        f"receiver  {serving.otlp_url}/v1/traces",
        f"history   {'in memory' if given.history is None else printable(given.history)}",
    ]
    if places.token is not None and not is_own:
        lines.append(f"token     {places.token}")
    lines.append("Ctrl-C ends it.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if is_loopback(given.host):
        return
    if places.certificate is None:
        say("warning: without TLS everybody on the way can read this, the token too:"
            " --certfile and --keyfile")  # fmt: skip
    if places.ingest_token is None:
        say("warning: whoever reaches the receiver can send spans: --ingest-token")
