"""Refuse parameters that a question does not have: a typing error would change the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args, get_origin

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute

from otel_session_agg._untrusted.formatting import short

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

__all__ = ["check_parameters"]

_MAX_CHARS = 60


def check_parameters(request: Request) -> None:
    """Raise an error for parameters in the address that are unknown, or stand there twice."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    known = _parameters_of(route.dependant)
    for name in request.query_params:
        if name not in known:
            there_are = f"use one of {', '.join(known)}" if known else "there are none here"
            detail = f"there is no parameter {short(name, _MAX_CHARS)!r}: {there_are}"
            raise HTTPException(422, detail)
        if not known[name] and len(request.query_params.getlist(name)) > 1:
            raise HTTPException(422, f"the parameter {name!r} can stand in the address once")


def _parameters_of(dependant: Dependant) -> Mapping[str, bool]:
    """Return the parameters of an address by name, and whether each may stand there repeatedly."""
    found: dict[str, bool] = {}
    for one in dependant.dependencies:
        found.update(_parameters_of(one))
    for field in dependant.query_params:
        kinds = (field.field_info.annotation, *get_args(field.field_info.annotation))
        found[field.alias] = any(get_origin(kind) is list for kind in kinds)
    return found
