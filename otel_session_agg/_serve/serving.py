"""A server as a whole: spans come in at one port, the page and the API are at another.

::

    OTLP/HTTP -> Receiver -> LiveCounter -> SharedHistory      counts: _live/
                                  |              |
                             AlertEngine     page, API         read: _views/

What is given is started and ended by whoever made it; this starts and ends the ports.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from math import ceil
from typing import Any

from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.counter import BusyError, LiveCounter, NotAcceptedError
from otel_session_agg._offline.options import Options
from otel_session_agg._serve.access import Access
from otel_session_agg._serve.api.services import Alerts, ApiServices
from otel_session_agg._serve.application import application
from otel_session_agg._serve.asgi import App
from otel_session_agg._serve.guard import guarded, ingestion_check
from otel_session_agg._serve.limits import PAGE_LIMITS, Limits
from otel_session_agg._serve.open_files import allowed, with_files
from otel_session_agg._serve.places import Places
from otel_session_agg._serve.policy import protected, security_headers
from otel_session_agg._serve.receiver import Outcome, Receiver
from otel_session_agg._serve.refusals import Refused
from otel_session_agg._serve.servers import Listener, Servers, listening
from otel_session_agg._spans.scope import DISTRIBUTION

__all__ = ["Serving", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What a server shows, and what takes its spans."""

    history: SharedHistory
    counter: LiveCounter
    options: Options
    """How spans are priced."""
    alerts: Alerts | None = None
    views: dict[str, Any] = field(default_factory=dict)
    """What single views of the page need, by their names."""


class Serving:
    """The ports of a server.

    Args:
        places: Where they are.

    Raises:
        SessionAggError: one cannot be listened on.

    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._exit = ExitStack()
        with ExitStack() as undo:
            self._page = listening(places.host, places.port)
            undo.callback(self._page.close)
            self._otlp = listening(places.host, places.otlp_port)
            undo.pop_all()
        self._servers: Servers | None = None

    @property
    def page_url(self) -> str:
        """The address of the page."""
        return self._url(self._page.getsockname()[1])

    @property
    def otlp_url(self) -> str:
        """The endpoint for exporters."""
        return self._url(self._otlp.getsockname()[1])

    def _url(self, port: int) -> str:
        host = self._places.host
        shown = f"[{host}]" if ":" in host else host
        return f"{self._places.scheme}://{shown}:{port}"

    def start(self, work: Work) -> None:
        """Answer requests.

        Raises:
            SessionAggError: the server cannot be started.

        """
        places, files = self._places, allowed()
        limits = with_files(Limits(), files)
        access = Access.at(places.host, places.ingest_token, places.names)
        check = ingestion_check(access, limits)
        receiver = Receiver(lambda content: _taken(work.counter, content), check, limits)
        self._exit.callback(receiver.close)
        self._servers = Servers(
            [
                Listener(_page(work, places), self._page, with_files(PAGE_LIMITS, files)),
                Listener(receiver.app, self._otlp, limits),
            ],
            places.certificate,
            places.proxies,
        )
        self._servers.start()

    def wait(self, seconds: float) -> bool:
        """Wait so long; return whether the server has ended meanwhile, by itself."""
        return self._servers is None or self._servers.has_ended.wait(seconds)

    def close(self) -> None:
        """Answer what has begun, and nothing more."""
        if self._servers is not None:
            self._servers.stop()
        self._exit.close()
        self._page.close()
        self._otlp.close()

    def __enter__(self) -> Serving:  # noqa: PYI034 -- ``Self`` is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _page(work: Work, places: Places, limits: Limits = PAGE_LIMITS) -> App:
    """Return the application of the page and the API, for those who may use it."""
    # Dash is imported where a page is shown, not where the API is described
    from otel_session_agg._page.page import build_page  # noqa: PLC0415
    from otel_session_agg._page.services import Services  # noqa: PLC0415

    services = ApiServices(
        work.history.reading,
        work.options,
        lambda: _status(work),
        work.alerts,
    )
    app = application(services)
    shown = Services(
        work.history.reading, is_live=True, status=work.counter.status, more=work.views
    )
    dash = build_page(app, shown)
    access = Access.at(places.host, places.token, places.names)
    headers = security_headers(dash.csp_hashes())
    return protected(guarded(app, access, limits), headers)


def _taken(counter: LiveCounter, content: bytes) -> Outcome:
    """Hand a request to the counter.

    Raises:
        Refused: it is not taken, or not now.

    """
    try:
        accepted = counter.accept(content)
    except NotAcceptedError as error:
        raise Refused(400, str(error)) from None
    except BusyError as error:
        seconds = max(ceil(error.retry_after_seconds), 1)
        raise Refused(503, str(error), retry_seconds=seconds) from None
    return Outcome(accepted.num_rejected, accepted.message)


def _status(work: Work) -> dict[str, Any]:
    found = work.counter.status()._asdict()
    return {
        **found,
        "open_sessions": len(found["open_sessions"]),
        "alerts_fault": None if work.alerts is None else work.alerts.problem,
        "version": version(DISTRIBUTION),
    }
