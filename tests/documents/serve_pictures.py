"""Pictures of the analyses on the demo's page: ``python -m tests.documents.serve_pictures [ADDRESS [NAME...]]``.

It starts ``demo --serve`` unless it is given the address of one that runs.  It needs the extra ``serve``, Playwright and Pillow
(``pip install playwright pillow``) and Chromium of the system (``apt-get install chromium``), and writes ``examples/serve/pictures``.
Each analysis is carried out with the mouse, as the table says.  Look at the pictures before you commit them.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from importlib import import_module
from io import BytesIO
from typing import Any

from tests.documents.serve_analyses import ANALYSES, READY, Analysis, carried_out, opened
from tests.processes.test_serve import serving
from tests.support.browser import wait_for
from tests.support.paths import ROOT

PICTURES = ROOT / "examples" / "serve" / "pictures"
WIDTH = 1200
"""More than GitHub shows, for screens with more pixels."""
_WINDOW = 1200
_COLORS = 128
_HEADER = 60
"""Pixels that the header covers."""


def main(address: str | None = None, *names: str) -> None:
    """Take the pictures; all if no names are given."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        if address is None:
            program = stack.enter_context(serving("--serve", "--no-open", name="demo"))
            address = f"http://127.0.0.1:{program.page}"
        playwright = stack.enter_context(import_module("playwright.sync_api").sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        stack.callback(browser.close)
        for name in names or ANALYSES:
            path = PICTURES / f"{name}.png"
            path.write_bytes(_small(_taken(browser, address, ANALYSES[name])))
            sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size:,} bytes\n")


def _taken(browser: Any, address: str, analysis: Analysis) -> bytes:
    page = opened(browser, address, viewport={"width": _WINDOW, "height": analysis.height}, color_scheme="light")
    carried_out(page, analysis)
    if analysis.at is not None:
        page.evaluate(
            f"window.scrollTo(0, document.querySelector('{analysis.at}').getBoundingClientRect().top - {_HEADER} + scrollY)"
        )
    page.evaluate("document.activeElement.blur(), document.fonts.ready")
    page.mouse.move(0, 0)
    wait_for(page, READY)
    taken: bytes = page.screenshot(animations="disabled")
    page.close()
    return taken


def _small(png: bytes) -> bytes:
    """The picture with few colours."""
    images = import_module("PIL.Image")
    found = BytesIO()
    image = images.open(BytesIO(png)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), images.Resampling.LANCZOS)
    image.quantize(_COLORS, images.Quantize.MAXCOVERAGE, kmeans=1, dither=images.Dither.NONE).save(found, "PNG", optimize=True)
    return found.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
