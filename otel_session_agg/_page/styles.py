"""The page around Dash: its colours in both themes, as those of figures."""

from __future__ import annotations

from otel_session_agg.analysis._style import PALETTE

__all__ = ["index_page"]

_INDEX = """<!DOCTYPE html>
<html lang="en" translate="no">
<head>
{%metas%}
<meta name="robots" content="noindex">
<title>{%title%}</title>
{%favicon%}
<style>PALETTE</style>
{%css%}
</head>
<body>
{%app_entry%}
<footer id="scripts">
{%config%}
{%scripts%}
{%renderer%}
</footer>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
"""


def index_page() -> str:
    """Return the page that Dash fills."""
    return _INDEX.replace("PALETTE", _palette())


def _palette() -> str:
    """Return the colours as variables: those of the dark theme, and of both for the script."""
    light = _variables(0)
    dark = _variables(1)
    pairs = ",".join(f"{pair[0]} {pair[1]}" for pair in PALETTE.values())
    return (
        f":root{{{light};--pairs:'{pairs}';color-scheme:light}}"
        f":root[data-mantine-color-scheme=dark]{{{dark};color-scheme:dark}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-mantine-color-scheme]){{{dark}}}}}"
    )


def _variables(theme: int) -> str:
    return ";".join(f"--{name}:{pair[theme]}" for name, pair in PALETTE.items())
