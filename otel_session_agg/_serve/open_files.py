"""How many files and connections this process may have open, and what that leaves for servers.

A server that can open no more files neither accepts connections nor closes those that are too many:
so there are fewer connections than files.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from otel_session_agg._serve.limits import Limits

if sys.platform == "win32":
    resource = None
else:
    import resource

__all__ = ["allow_more", "allowed", "with_files"]

_ENOUGH = 4096
"""Connections of two servers, and what else there is."""
_OTHERS = 96
"""The history, requests on disk, threads, the process that counts."""
_LEAST = 8


def allowed() -> int:
    """Return how many files this process may have open."""
    if resource is None:
        return _ENOUGH
    found, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if found == resource.RLIM_INFINITY else int(found)


def allow_more() -> None:
    """Let this process have more files open, as many as it may without being asked."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def with_files(limits: Limits, number: int) -> Limits:
    """Return limits for one of two servers of a process that may have so many files open.

    Of its share three eighths are for connections that come at once, and are accepted before any is
    closed.
    """
    share = max(number - _OTHERS, 0) // 2
    most = max(share * 5 // 8, _LEAST)
    return replace(limits, max_connections=min(limits.max_connections, most))
