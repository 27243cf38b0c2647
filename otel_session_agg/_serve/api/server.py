"""How the server does, and its alerts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from otel_session_agg._serve.api.models import Status
from otel_session_agg._serve.api.services import Alerts, Given

__all__ = ["router"]

router = APIRouter()

_Name = Annotated[str, Query(max_length=200, description="The name of a rule.")]


class Rule(BaseModel, extra="forbid"):
    """The name of a rule."""

    name: str = Field(max_length=200)


class Mute(Rule):
    """A rule that is to notify nobody."""

    seconds: float | None = Field(None, gt=0, description="for so long; null: until it is unmuted")


class Kept(Rule):
    """A rule to keep."""

    rule: dict[str, Any] = Field(description="as it stands in a file of rules")
    before: str | None = Field(
        None, max_length=200, description="the name of a rule that is to have this name instead"
    )


class Trial(BaseModel, extra="forbid"):
    """A rule to try on the history."""

    rule: dict[str, Any] = Field(description="as it stands in a file of rules")
    days: int = Field(7, ge=1, le=90)


@router.get("/status", response_model=Status, summary="How the server does.")
def status(given: Given) -> Any:
    """Return what was accepted and counted, and what is wrong."""
    return given.status()


@router.get("/alerts", summary="The rules, each with its state.")
def rules(given: Given) -> dict[str, Any]:
    """Return all rules, those of the file and those that were made on the page."""
    return {"rules": [] if given.alerts is None else list(given.alerts.rules())}


@router.get("/alerts/fired", summary="What fired, the latest first.")
def fired(
    given: Given,
    rule: _Name | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return what fired, each with its sessions; ``total``: how many times it was."""
    if given.alerts is None:
        return {"fired": [], "total": 0}
    return {
        "fired": list(given.alerts.fired(limit, rule)),
        "total": given.alerts.number_fired(rule),
    }


@router.post("/alerts/preview", summary="What a rule would have found.")
def preview(given: Given, trial: Trial) -> dict[str, Any]:
    """Return that for the last days."""
    return dict(_alerts(given).preview(trial.rule, trial.days))


@router.put("/alerts/rule", status_code=204, summary="Keep a rule, or change one that was kept.")
def keep(given: Given, kept: Kept) -> None:
    """Keep a rule beside those of the file, in place of one of its name that was kept before."""
    _alerts(given).save(kept.name, kept.rule, kept.before)


@router.delete("/alerts/rule", status_code=204, summary="Delete a rule that was kept.")
def delete(given: Given, name: _Name) -> None:
    """Delete a rule that is in no file; what it found stays."""
    _alerts(given).delete(name)


@router.post("/alerts/pause", status_code=204, summary="Do not check a rule any more.")
def pause(given: Given, rule: Rule) -> None:
    """Pause a rule."""
    _alerts(given).pause(rule.name)


@router.post("/alerts/resume", status_code=204, summary="Check a rule again.")
def resume(given: Given, rule: Rule) -> None:
    """Resume a rule."""
    _alerts(given).resume(rule.name)


@router.post("/alerts/mute", status_code=204, summary="Notify nobody of a rule for some time.")
def mute(given: Given, rule: Mute) -> None:
    """Mute a rule."""
    _alerts(given).mute(rule.name, rule.seconds)


@router.post("/alerts/unmute", status_code=204, summary="Notify of a rule again.")
def unmute(given: Given, rule: Rule) -> None:
    """Unmute a rule."""
    _alerts(given).unmute(rule.name)


def _alerts(given: Given) -> Alerts:
    if given.alerts is None:
        raise HTTPException(404, "there are no rules: start with --alerts FILE")
    return given.alerts
