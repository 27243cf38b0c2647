"""The attribute names that the settings choose for totals."""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg import attributes as n
from otel_session_agg._settings import Settings
from otel_session_agg._writing import rollup_attributes
from otel_session_agg._writing.profiles import (
    DEFAULT,
    PROFILES,
    RESERVED_BY_PROFILE,
    named,
    names_in,
)

Attributes = dict[str, rollup_attributes.AttributeValue]

_MAY_STAY = n.KEPT_WHEN_SET | {n.USER_ID}
"""Default names whose value stays when it was set by hand on a root."""

_NONE: frozenset[str] = frozenset()


class Naming:
    """The names of one or several profiles."""

    def __init__(self, settings: Settings) -> None:
        self._profiles = settings.profiles
        self.is_default = settings.profiles == (DEFAULT,)
        self.reserved = frozenset[str]().union(
            *(RESERVED_BY_PROFILE[profile] for profile in settings.profiles)
        )
        self._common = frozenset[str]().union(
            *(names_in(profile, n.LEFT_WHEN_UNKNOWN) for profile in settings.profiles)
        )
        backends = [PROFILES[profile] for profile in settings.profiles if profile != DEFAULT]
        self.has_kind = any(backend.has_kind for backend in backends)
        """Whether the kind of a root or record and its input are written, too."""
        self.input_chars = settings.max_output_chars if settings.outputs else 0
        """Characters of the first input that are kept; 0: it is not."""
        self._kept = frozenset[str]().union(
            *(names_in(profile, _MAY_STAY) for profile in settings.profiles),
            *(backend.kept for backend in backends),
        )

    def on_root(
        self, written: Attributes, existing: Mapping[str, object], *, is_call: bool
    ) -> tuple[Attributes, frozenset[str]]:
        """Return totals as ``named`` does, and the names set by hand on a root that do not stay.

        Names of outputs and errors, which others write too, stay unless they are written.
        """
        named = self.named(written, existing, is_call=is_call)
        if self.reserved.isdisjoint(existing):
            return named, _NONE
        return named, (self.reserved & existing.keys()) - (self._common - named.keys())

    def named(
        self, written: Attributes, existing: Mapping[str, object], *, is_call: bool = False
    ) -> Attributes:
        """Return totals in the names of the profiles, without what was set by hand and stays."""
        names = written
        if not self.is_default:
            names = named(written, self._profiles, is_call=is_call)
        stays = [name for name in self._kept if existing.get(name) is not None]
        return {name: names[name] for name in names if name not in stays} if stays else names
