"""Apprise: mail, Slack and a hundred other services, by its URLs.

Its plug-ins send with their own time limits.  What they, and the HTTP client below them, log
meanwhile is left out: at some levels there are addresses with their secrets in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from otel_session_agg._alerts.channels import Channel
from otel_session_agg._alerts.episodes import RESOLVED
from otel_session_agg._alerts.http_post import DONE, Answer
from otel_session_agg._alerts.message import in_words
from otel_session_agg._alerts.notifications import Notification
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._extras import needed

_LOGGERS = ("apprise", "urllib3.connectionpool")
_is_inside = ContextVar("otel_session_agg_is_inside_apprise", default=False)
"""Whether Apprise is at work; it hands its context on to its threads."""
_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


def sender(channel: Channel) -> Any:
    """Return Apprise with the address of a channel.

    Raises:
        SettingsError: Apprise does not know this kind of address; the text does not have it.
        SessionAggError: Apprise is not installed.

    """
    apprise = needed("apprise", "serve")
    asset = apprise.AppriseAsset(
        app_id="otel-session-agg",
        app_desc="alerts about sessions",
        async_mode=False,
        secure_logging=True,
        interpret_escapes=False,
        interpret_emojis=False,
    )
    found = apprise.Apprise(asset=asset)
    with _unlogged():
        is_known = found.add(channel.url)
    if not is_known or not len(found):
        message = f"channel {channel.name!r}: key 'apprise' is no URL that Apprise knows"
        raise SettingsError(message)
    return found


def send(found: Any, given: Notification) -> Answer:
    """Send a notification by Apprise; what it raises is for the caller to catch."""
    text = in_words(given)
    kind = "success" if given.phase == RESOLVED else _TYPES[given.severity]
    with _unlogged():
        is_done = found.notify(
            body=text.body, title=text.title, notify_type=kind, body_format="text"
        )
    return DONE if is_done else Answer(is_done=False, problem="Apprise could not deliver it")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Leave out what Apprise logs meanwhile."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_logged)  # once: it is the same one
    token = _is_inside.set(True)
    try:
        yield
    finally:
        _is_inside.reset(token)


def _is_logged(_: logging.LogRecord) -> bool:
    return not _is_inside.get()
