"""The application of the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._serve.api import figures, lists, server, session
from otel_session_agg._serve.api.models import Problem
from otel_session_agg._serve.api.parameters import check_parameters
from otel_session_agg._serve.api.services import ApiServices
from otel_session_agg._serve.problems import PROBLEM, problem
from otel_session_agg._spans.scope import DISTRIBUTION

__all__ = ["PREFIX", "application"]

PREFIX = "/api/v1"
_ABOUT = (
    "Totals of sessions, as the page shows them. Costs are USD, durations milliseconds, times UTC;"
    " null is unknown, which is never 0."
)
_CANNOT_BE_READ = "the history cannot be read"
"""How errors begin that are not the fault of whoever asked."""
_MAX_SHOWN = 5
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def application(services: ApiServices) -> FastAPI:
    """Return the application with the API; the page is added to it."""
    app = FastAPI(
        title=DISTRIBUTION,
        version=version(DISTRIBUTION),
        description=_ABOUT,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # they load scripts of other sites
        redoc_url=None,
    )
    app.state.services = services
    api = APIRouter(prefix=PREFIX, dependencies=[Depends(_not_stored), Depends(check_parameters)])
    answers: dict[int | str, dict[str, Any]] = {
        code: {"model": Problem, "content": {PROBLEM: {}}} for code in (401, 422, 429, 503, "4XX")
    }
    for one in (lists, figures, session, server):
        api.include_router(one.router, responses=answers)
    api.add_api_route("/{path:path}", _nothing, include_in_schema=False, methods=_METHODS)
    app.include_router(api)
    app.add_exception_handler(SessionAggError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _failed)
    return app


def _not_stored(response: Response) -> None:
    """Let no cache keep what the history says now."""
    response.headers["Cache-Control"] = "no-store"


def _nothing(request: Request, path: str) -> None:  # noqa: ARG001 -- of the address
    known: Mapping[str, object] = request.app.openapi()["paths"].get(request.url.path, {})
    if known:
        allowed = ", ".join(sorted(known)).upper()
        raise HTTPException(405, f"the method is none of {allowed}", {"Allow": allowed})
    raise HTTPException(404, f"there is nothing here: see {PREFIX}/openapi.json")


def _answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem(status, detail), status, headers, media_type=PROBLEM)


def _refused(_request: Request, error: Exception) -> Response:
    """Answer what cannot be asked so, or not now."""
    text = str(error)
    return _answer(503 if text.startswith(_CANNOT_BE_READ) else 422, text)


def _invalid(_request: Request, error: Exception) -> Response:
    """Answer what has a wrong argument; nothing of it is quoted."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    wrong = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in found[:_MAX_SHOWN]]
    return _answer(422, "; ".join(wrong) or "the request is not understood")


def _failed(_request: Request, error: Exception) -> Response:
    """Answer what the application itself says."""
    if isinstance(error, HTTPException):
        return _answer(error.status_code, str(error.detail), error.headers)
    return _answer(500, "the server failed")
