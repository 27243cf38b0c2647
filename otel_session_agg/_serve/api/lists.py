"""Sessions, traces and calls as lists, and the same as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from otel_session_agg._history.sources import Selection
from otel_session_agg._serve.api.models import PAGES
from otel_session_agg._serve.api.selecting import Cursor, Limit, Names, Selected, Sort, names_in
from otel_session_agg._serve.api.services import Given
from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views.listing import Listed, listed

__all__ = ["router"]

router = APIRouter()

_MAX_CSV_ROWS = 50_000
_NEXT_CURSOR = "Next-Cursor"
_MORE = {
    _NEXT_CURSOR: {
        "description": "``cursor`` of the next rows; not there after the last row",
        "schema": {"type": "string"},
    }
}
_LISTS: Mapping[str, str] = {"sessions": "session", "traces": "trace", "calls": "call"}
"""By the last part of the address, what is listed."""
_Rows = Annotated[int, Query(ge=1, le=_MAX_CSV_ROWS, description="Rows at most.")]
_Session = Annotated[str | None, Query(max_length=10_000, description="Of this session only.")]


def _wanted(selection: Selection, by: str, columns: Names, sort: Sort) -> Selection:
    return selection._replace(by=by, columns=names_in(columns), sort=sort)


def _of(session: str | None) -> dict[str, str] | None:
    return None if session is None else {"session": session}


def _as_json(found: Listed) -> dict[str, Any]:
    items = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    return {"items": items, "next_cursor": found.next_cursor}


def _as_csv(found: Listed, name: str) -> Response:
    rows = ([_cell(value) for value in row] for row in found.rows)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }
    if found.next_cursor is not None:
        headers[_NEXT_CURSOR] = found.next_cursor
    return Response(csv_text(found.columns, rows), media_type="text/csv", headers=headers)


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


def _add_list(name: str, by: str) -> None:
    """Add a list, and the same as CSV."""

    def as_json(  # noqa: PLR0913 -- one for each argument
        given: Given,
        selection: Selected,
        *,
        session: _Session = None,
        columns: Names = None,
        sort: Sort = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        wanted = _wanted(selection, by, columns, sort)
        with given.reading() as history:
            return _as_json(listed(history, wanted, limit=limit, cursor=cursor, equal=_of(session)))

    def as_csv(  # noqa: PLR0913 -- one for each argument
        given: Given,
        selection: Selected,
        *,
        session: _Session = None,
        columns: Names = None,
        sort: Sort = None,
        limit: _Rows = _MAX_CSV_ROWS,
        cursor: Cursor = None,
    ) -> Response:
        wanted = _wanted(selection, by, columns, sort)
        with given.reading() as history:
            found = listed(history, wanted, limit=limit, cursor=cursor, equal=_of(session))
            return _as_csv(found, name)

    router.add_api_route(
        f"/{name}",
        as_json,
        response_model=PAGES[by],
        response_model_exclude_unset=True,
        operation_id=f"list_{name}",
        summary=f"List {name}.",
    )
    router.add_api_route(
        f"/{name}.csv",
        as_csv,
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}, "headers": _MORE}},
        operation_id=f"{name}_csv",
        summary=f"The first {name} as CSV, safe to open in a spreadsheet.",
    )


for _name, _by in _LISTS.items():
    _add_list(_name, _by)
