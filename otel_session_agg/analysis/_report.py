"""A report on sessions as one page that needs no network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._files import CompleteFile
from otel_session_agg._untrusted.formatting import printable, short
from otel_session_agg.analysis._page import rendered
from otel_session_agg.analysis._report_view import view_of
from otel_session_agg.analysis._source import Only, Stored

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["report"]


def report(
    sessions: Stored,
    path: str | os.PathLike[str],
    *,
    segment: str | None = None,
    title: str = "LLM sessions",
    **only: Unpack[Only],
) -> None:
    """Write a report on sessions as one HTML file, which loads nothing from a network.

    Args:
        sessions: what a replay returned, or a history.
        path: the file; it is replaced when the page is complete.
        segment: what outliers are compared within: ``user`` or the name of a dimension.  ``None``:
            the first dimension that has a few values.
        title: what stands at the head of the page.
        only: which sessions it is about: ``where``, ``since`` and ``until``, which the page says.

    Raises:
        SessionAggError: the file cannot be written, a condition is not understood, or the extra
            ``report`` is not installed.

    """
    _write(path, rendered(view_of(sessions, segment, short(title), **only)))


def _write(path: str | os.PathLike[str], text: str) -> None:
    try:
        with CompleteFile(path) as file:
            file.write(text.encode())
    except OSError as error:
        message = f"{printable(os.fspath(path))} cannot be written: {error.strerror}"
        raise SessionAggError(message) from None
