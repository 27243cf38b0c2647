"""Links from a trace, a span or a session to the backend that has it, by a template of a URL.

Ids are foreign: what is put into the template is encoded, and a template is of ``http`` or
``https``, so that no id can make a link do anything but open a page of that host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from urllib.parse import quote, urlsplit

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._untrusted.formatting import short

__all__ = ["PLACES", "LinkTemplate", "links_of"]

PLACES = ("trace_id", "span_id", "session_id", "start_ms", "end_ms")
"""What a template may name in braces."""

_STEPS = frozenset({".", ".."})
_MAX_WORDS_CHARS = 40


def links_of(given: Iterable[str]) -> dict[str, LinkTemplate]:
    """Return templates by the words of their links: ``Tempo=https://tempo.example/{trace_id}``.

    Raises:
        SettingsError: one has no words, or is no template.

    """
    found = {}
    for text in given:
        words, sign, template = text.partition("=")
        if not sign or not words.strip():
            message = f"{short(text, 80)!r} is no link: write it as Tempo=https://.../{{trace_id}}"
            raise SettingsError(message)
        found[short(words.strip(), _MAX_WORDS_CHARS)] = LinkTemplate(template)
    return found


class LinkTemplate:
    """A URL with places in braces: ``https://tempo.example/trace/{trace_id}``."""

    def __init__(self, template: str) -> None:
        """Check it.

        Raises:
            SettingsError: it is no URL of a page, or names something else.

        """
        try:
            pieces = [piece for piece in Formatter().parse(template) if piece[1] is not None]
            address = urlsplit(template)
            is_page = address.scheme in {"http", "https"} and bool(address.hostname)
        except ValueError:
            pieces, is_page = [], False
        if not is_page or "{" in address.netloc:
            message = (
                f"{short(template, 80)!r} is no URL of a page: it begins with http:// or https://"
            )
            raise SettingsError(message)
        for _, name, form, conversion in pieces:
            if name not in PLACES or form or conversion:
                message = (
                    f"{short(template, 80)!r} names {short(name or '', 40)!r}: a link may name"
                    f" {', '.join(PLACES)}"
                )
                raise SettingsError(message)
        self._template = template
        self.names = frozenset(name for _, name, _, _ in pieces if name is not None)
        """The places that it has."""

    def url(self, values: Mapping[str, str]) -> str | None:
        """Return the URL for these values; ``None``: one that it names is not there.

        Browsers take ``.`` and ``..`` for steps in a path, however they are encoded: there is no
        link for a session that is called so.
        """
        if not self.names <= values.keys() or any(values[name] in _STEPS for name in self.names):
            return None
        return self._template.format(
            **{name: quote(values[name], safe="", errors="replace") for name in self.names}
        )
