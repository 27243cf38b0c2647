"""Check the arguments of the processor and the exporter, with errors that explain what to do."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter

from otel_session_agg import environment_variables as env
from otel_session_agg._exceptions import StoreError
from otel_session_agg._guard import warn
from otel_session_agg._sdk.aggregator import Aggregator
from otel_session_agg._settings import Settings
from otel_session_agg._untrusted.formatting import as_html, as_repr, called
from otel_session_agg.stores._open import shared_store
from otel_session_agg.stores.base import SessionStore

_logger = logging.getLogger("otel_session_agg")

_HAVE_AN_EXPORTER = (BatchSpanProcessor, SimpleSpanProcessor)
_IS_EXPORTER = "is an exporter; give it to a BatchSpanProcessor, and that to add_span_processor"
_IS_PROCESSOR = "is a processor; give it to add_span_processor as it is, with the exporter inside"


class _WrongKind:
    """A method of a processor on an exporter, or the other way round: raises with advice.

    A ``__getattr__`` could do that, too, but with one every attribute of a processor is read
    slowly, by each span.
    """

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._name = ""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, _: object, own: type) -> NoReturn:
        message = (
            f"{own.__name__!r} object has no attribute {self._name!r}:"
            f" {own.__name__} {self._advice}"
        )
        raise AttributeError(message)


class AddsTotals:
    """Base of processor and exporter; one behind another would count every span again."""

    _aggregator: Aggregator

    def __repr__(self) -> str:
        return as_repr(type(self).__name__, (f"{name} {value}" for name, value in self._rows()))

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html(type(self).__name__, self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        return [("before", self._behind()), *self._aggregator.rows()]

    def _behind(self) -> str:
        """Return what is behind it, by names of types only: a ``repr`` could show API keys."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # for type checkers every attribute would exist
        on_start = _WrongKind(_IS_EXPORTER)
        on_end = _WrongKind(_IS_EXPORTER)
        _on_ending = _WrongKind(_IS_EXPORTER)
        export = _WrongKind(_IS_PROCESSOR)


def check_processor_or_exporter(given: object) -> None:
    """Check that an object can stand behind ``SessionSpanProcessor``.

    Raises:
        TypeError: it cannot.

    """
    wanted = "downstream must be a SpanProcessor or a SpanExporter"
    _refuse_class(given, wanted)
    if not isinstance(given, (SpanProcessor, SpanExporter)):
        _refuse(f"{wanted}, not {type(given).__name__}")
    inner = given.span_exporter if isinstance(given, _HAVE_AN_EXPORTER) else given
    _refuse_class(inner, wanted)
    if isinstance(inner, AddsTotals):
        _refuse(
            f"{wanted} that does not add totals itself:"
            f" leave {type(inner).__name__} out, and give what is behind it"
        )


def check_exporter(given: object) -> None:
    """Refuse what cannot stand behind ``SessionSpanExporter`` although it may look like it.

    Raises:
        TypeError: it is a class, a processor, or adds totals itself.

    """
    wanted = "exporter must be a SpanExporter, a name, or one name with its arguments"
    _refuse_class(given, wanted)
    if isinstance(given, AddsTotals):
        _refuse(
            f"{wanted}, and not add totals itself:"
            f" leave {type(given).__name__} out, and give what is behind it"
        )
    if isinstance(given, SpanProcessor):
        _refuse(
            f"{wanted}, not the processor {type(given).__name__}: give the exporter that is in it,"
            f" or use SessionSpanProcessor, which takes processors"
        )


def named(given: object) -> str:
    """Return a description by names of types: ``BatchSpanProcessor(OTLPSpanExporter)``."""
    if isinstance(given, _HAVE_AN_EXPORTER):
        return f"{type(given).__name__}({type(given.span_exporter).__name__})"
    return type(given).__name__


def _refuse_class(given: object, wanted: str) -> None:
    if isinstance(given, type):
        _refuse(f"{wanted}, not the class {given.__name__}: make one of it, {given.__name__}(...)")


def _refuse(message: str) -> NoReturn:
    raise TypeError(message)


def settings_of(given: Settings | Mapping[str, Any] | None) -> Settings:
    """Return settings as they are, from a mapping, or from the environment.

    Raises:
        SettingsError: a name or value of the mapping is not allowed.
        TypeError: it is something else.

    """
    if given is None:
        return Settings.from_env()
    if isinstance(given, Settings):
        return given
    if not isinstance(given, Mapping):
        _refuse(
            f"settings must be Settings(...) or a mapping of names to values, not {called(given)}"
        )
    return Settings.from_mapping(given)


def store_of(given: SessionStore | str | None, settings: Settings) -> SessionStore | None:
    """Return the store that processes share; ``None`` when there is none.

    A wrong URL from the environment is logged, and there is none: the application goes on.

    Raises:
        StoreError: a URL that was given is not known, or needs an extra that is not installed.
        TypeError: it is neither a URL nor a store.

    """
    if (
        given is not None
        and not isinstance(given, str)
        and (isinstance(given, type) or not hasattr(given, "put"))
    ):
        _refuse(
            "store must be a URL such as sqlite:///file or redis://host:6379/0, or a store,"
            f" not {called(given)}"
        )
    try:
        return shared_store(settings.store if given is None else given)
    except StoreError as error:
        if (
            given is not None
            or settings.store != os.environ.get(env.OTEL_PYTHON_SESSION_AGG_STORE, "").strip()
        ):
            raise
        warn(_logger, "%s: %s; memory:// is used", env.OTEL_PYTHON_SESSION_AGG_STORE, error)
        return None
