"""Log in with the token, for those who use a browser."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, quote, urlencode

from otel_session_agg._serve.access import COOKIE, Access
from otel_session_agg._serve.asgi import Header, Scope, Send, client_of, header, respond
from otel_session_agg._serve.rates import Rates
from otel_session_agg._serve.refusals import Refused

__all__ = ["LOGIN", "LOGOUT", "Login"]

LOGIN, LOGOUT = "/login", "/logout"
_HTML = "text/html; charset=utf-8"
_TRIES, _TRIES_PER_SECOND = 10, 0.2
"""How often a client may be wrong at once, and from then on."""
_MAX_CHARS = 2000
"""Of what is typed in."""
_MAX_ADDRESS_CHARS = 20_000
"""Of an address to go on to; a longer one is not cut, which would lead to something else."""
_NO_STORE: list[Header] = [(b"cache-control", b"no-store")]

_FORM = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>otel-session-agg: log in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 24rem; margin: 15vh auto; padding: 0 1rem }}
input, button {{ font: inherit; box-sizing: border-box; width: 100%; padding: .5rem;
 margin: .25rem 0 1rem }}
</style></head><body><main><h1>Log in</h1>{note}
<form method="post" action="/login"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="next" value="{next}"><button>Log in</button></form>
<p>The server printed it when it started.</p></main></body></html>
"""
_WRONG = '<p role="alert">That is not the token.</p>'
_AGAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>otel-session-agg</title>
<meta http-equiv="refresh" content="0"></head><body></body></html>
"""


class Login:
    """Answers at ``/login`` and ``/logout``.

    Args:
        access: Knows the token.
        now: Returns a time that goes forward, in seconds.

    """

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self._access = access
        self._tries = Rates(_TRIES_PER_SECOND, _TRIES, now)

    def answers(self, scope: Scope) -> bool:
        """Return whether a request is for this; without a token nothing is."""
        return self._access.token is not None and scope["path"] in {LOGIN, LOGOUT}

    async def answer(self, scope: Scope, body: bytes, send: Send) -> None:
        """Show the form, check the token, or forget that somebody has logged in."""
        if scope["path"] == LOGOUT:
            await self._log_out(scope, send)
        elif scope["method"] == "POST":
            await self._log_in(scope, body, send)
        elif scope["method"] in {"GET", "HEAD"}:
            query = scope["query_string"].decode("latin-1")
            await _show_form(send, 200, "", _local(_field(query, "next", _MAX_ADDRESS_CHARS + 1)))
        else:
            raise Refused(405, "use GET or POST")

    async def send_there(self, scope: Scope, send: Send) -> None:
        """Lead to the form, and from there to what was asked for.

        A browser that follows a link of another site leaves the cookie away, so it is asked to
        come again by itself.
        """
        if header(scope, b"sec-fetch-site") == "cross-site":
            await respond(send, 200, _AGAIN.encode(), _HTML, _NO_STORE)
            return
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"]) + (f"?{query}" if query else "")
        await _redirect(send, f"{LOGIN}?{urlencode({'next': _local(wanted)})}")

    async def _log_in(self, scope: Scope, body: bytes, send: Send) -> None:
        seconds = self._tries.take(client_of(scope))
        if seconds:
            raise Refused(429, "too many tries", retry_seconds=seconds)
        text = body.decode("latin-1")
        wanted = _local(_field(text, "next", _MAX_ADDRESS_CHARS + 1))
        if not self._access.is_token(_field(text, "token").strip()):
            await _show_form(send, 403, _WRONG, wanted)
            return
        secure = "; Secure" if scope["scheme"] == "https" else ""
        await _redirect(send, wanted, _cookie(f"{self._access.cookie_value}{_ATTRIBUTES}{secure}"))

    async def _log_out(self, scope: Scope, send: Send) -> None:
        if scope["method"] != "POST":
            raise Refused(405, "use POST")
        await _redirect(send, LOGIN, _cookie(f"{_ATTRIBUTES}; Max-Age=0"))


_ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Strict"


def _cookie(value: str) -> list[Header]:
    return [(b"set-cookie", f"{COOKIE}={value}".encode("ascii"))]


async def _show_form(send: Send, status: int, note: str, wanted: str) -> None:
    page = _FORM.format(note=note, next=escape(wanted))
    await respond(send, status, page.encode(), _HTML, _NO_STORE)


async def _redirect(send: Send, address: str, headers: list[Header] | None = None) -> None:
    location = (b"location", address.encode("ascii", "ignore"))
    await respond(send, 303, b"", _HTML, [location, *_NO_STORE, *(headers or [])])


def _field(text: str, name: str, chars: int = _MAX_CHARS) -> str:
    """Return a field of a form or a query, or what it begins with."""
    try:
        found = parse_qs(text, max_num_fields=20).get(name, [""])
    except ValueError:
        return ""
    return found[0][:chars]


def _local(address: str) -> str:
    """Return an address of this server; that of the page for any other one."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    is_plain = len(address) <= _MAX_ADDRESS_CHARS and address.isascii() and address.isprintable()
    return address if is_local and is_plain else "/"
