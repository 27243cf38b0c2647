"""Two weeks of made sessions up to now, and those that go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from otel_session_agg._cli.demo.sessions_data import (
    INCIDENT_SERVICE,
    SERVICES,
    SHARES_OF_HOURS,
    TENANTS,
    USERS,
    Service,
)
from otel_session_agg._cli.demo.sessions_spans import (
    INCIDENT,
    LIVE,
    LOOP,
    USUAL,
    Course,
    Person,
    Span,
    requests,
    session,
)

__all__ = ["NUM_SESSIONS", "incident_day", "live_sessions", "past_sessions", "write_history"]

NUM_SESSIONS: Final = 2000
_SEED, _SEED_OF_LOOP, _SEED_OF_LIVE = 4711, 4712, 4713
"""Different ones, as ids are of them."""
_PERIOD: Final = timedelta(days=14)
_INCIDENT_AGO: Final = timedelta(days=3)
_LOOP_AGO: Final = timedelta(hours=30)
_SATURDAY: Final = 5
_AT_WEEKENDS: Final = 0.5
"""Sessions of a day at a weekend, beside those of another day."""
_LIVE_FAILING: Final = 0.1
"""The share of live sessions that go as in the incident."""


def incident_day(now: datetime) -> str:
    """Return the day of the incident, in UTC, as ``2026-01-31``."""
    return (now - _INCIDENT_AGO).date().isoformat()


def write_history(path: Path, now: datetime, num_sessions: int = NUM_SESSIONS) -> None:
    """Write export requests, one a line, with sessions of the last two weeks."""
    with path.open("wb") as file:
        for spans in past_sessions(now, num_sessions):
            file.writelines(line + b"\n" for line in requests(spans))


def past_sessions(now: datetime, num_sessions: int = NUM_SESSIONS) -> Iterator[list[Span]]:
    """Return the spans of each session; they differ by nothing but times from run to run."""
    rng = Random(_SEED)  # noqa: S311 -- the same each time is what is wanted
    for number in range(num_sessions):
        service = rng.choices(SERVICES, [one.share for one in SERVICES])[0]
        start = _beginning(rng, now)
        person = _person(rng, service, now - start)
        yield _ended(rng, person, _course_of(service, start, now), f"chat-{number:04}", start, now)
    trips = SERVICES[1]
    loop = Person(USERS[2], TENANTS[2], trips, _version(trips, _LOOP_AGO))
    rng = Random(_SEED_OF_LOOP)  # noqa: S311 -- however many others there are
    yield session(rng, loop, LOOP, "chat-loop", _ns(now - _LOOP_AGO))


def live_sessions(clock_ns: Callable[[], int]) -> Iterator[list[Span]]:
    """Return the spans of one session after the other; each begins when asked for."""
    rng = Random(_SEED_OF_LIVE)  # noqa: S311
    for number in count(1):
        service = rng.choices(SERVICES, [one.share for one in SERVICES])[0]
        is_wrong = rng.random() < _LIVE_FAILING
        course = INCIDENT._replace(pause_seconds=LIVE.pause_seconds) if is_wrong else LIVE
        person = _person(rng, service, timedelta(0))
        yield session(rng, person, course, f"live-{number:04}", clock_ns())


def _beginning(rng: Random, now: datetime) -> datetime:
    """Return when a session begins: more in the daytime, and on workdays."""
    most = max(SHARES_OF_HOURS)
    while True:
        start = now - rng.random() * _PERIOD
        share = SHARES_OF_HOURS[start.hour] / most
        if start.weekday() >= _SATURDAY:
            share *= _AT_WEEKENDS
        if rng.random() < share:
            return start


def _person(rng: Random, service: Service, ago: timedelta) -> Person:
    weights = [1 / (number + 2) for number in range(len(USERS))]
    number = rng.choices(range(len(USERS)), weights)[0]
    return Person(USERS[number], TENANTS[number % len(TENANTS)], service, _version(service, ago))


def _version(service: Service, ago: timedelta) -> str:
    return [version for since, version in service.versions if since >= ago][-1]


def _course_of(service: Service, start: datetime, now: datetime) -> Course:
    is_incident = service.name == INCIDENT_SERVICE and f"{start:%Y-%m-%d}" == incident_day(now)
    return INCIDENT if is_incident else USUAL


def _ended(  # noqa: PLR0913 -- what a session is made of
    rng: Random, person: Person, course: Course, session_id: str, start: datetime, now: datetime
) -> list[Span]:
    """Return a session that is over now, whose beginning may be earlier for that."""
    spans = session(rng, person, course, session_id, _ns(start))
    late_ns = max(spans[-1].end_ns - _ns(now), 0)
    for span in spans:
        span.start_ns -= late_ns
        span.end_ns -= late_ns
    return spans


def _ns(time: datetime) -> int:
    return int(time.astimezone(timezone.utc).timestamp() * 1_000_000) * 1000
