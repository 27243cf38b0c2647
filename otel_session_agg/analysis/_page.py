"""Make the page of a report from its template; nothing of it is loaded from elsewhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

from otel_session_agg._extras import needed
from otel_session_agg.analysis._report_view import ReportView
from otel_session_agg.analysis._style import PALETTE

__all__ = ["rendered"]

_FOLDER = "page"
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:;"
    " base-uri 'none'; form-action 'none'"
)
"""Only the page's own scripts run, and no script, style or image is loaded.

Plotly sets styles of elements, which the policy calls inline.
"""


def rendered(report: ReportView) -> str:
    """Return the page as HTML."""
    jinja2 = needed("jinja2", "report")
    script = _text("report.js")
    plotly = needed("plotly.offline", "report").get_plotlyjs() if report.panels else ""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, _FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    safe = environment.filters["safe"]
    page: str = environment.get_template("report.html").render(
        report=report,
        policy=_POLICY.format(scripts=" ".join(_digest(text) for text in (plotly, script))),
        palette=PALETTE,
        names={light: name for name, (light, _) in PALETTE.items()},
        css=safe(_text("report.css")),
        js=safe(script),
        plotly=safe(plotly),
    )
    return page


def _text(name: str) -> str:
    return (files(__package__) / _FOLDER / name).read_text("utf-8")


def _digest(script: str) -> str:
    """Return by what a policy knows a script."""
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
