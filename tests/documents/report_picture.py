"""A picture of a report: ``python -m tests.documents.report_picture``.

It needs the extra ``report``, Playwright (``pip install playwright``) and Chromium of the system (``apt-get install chromium``), and
writes ``.github/report.png``.  Look at it before you commit it.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import import_module
from pathlib import Path

from otel_session_agg import analysis
from tests.support.paths import ROOT
from tests.support.session_tables import HOSTILE, Given, Part, history_of, two_weeks

PICTURE = ROOT / ".github" / "report.png"
SESSIONS = 6000
_NAMES = {HOSTILE: "gpt-5", "=cmd()": "lin"}
"""Names that are on no picture."""


def main() -> None:
    """Make the page, and take its picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        with history_of(map(_shown, two_weeks(SESSIONS))) as history:
            analysis.report(history, page)
        with import_module("playwright.sync_api").sync_playwright() as running:
            browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            opened = browser.new_page(viewport={"width": 1280, "height": 1120}, color_scheme="light")
            opened.goto(page.as_uri())
            opened.wait_for_selector("#calendar .main-svg")
            opened.screenshot(path=PICTURE)
            browser.close()


def _shown(given: Given) -> Given:
    """A session with names that one may see."""
    parts = [Part(part.kind, _NAMES.get(part.name, part.name), *part[2:]) for part in given.parts]
    user = _NAMES.get(given.user or "", given.user)
    session = given.session if given.session != HOSTILE else "chat-0007"
    return given._replace(session=session, user=user, parts=parts, dimensions={"service.name": given.dimensions["service.name"]})


if __name__ == "__main__":
    main()
