"""Pictures of the demo's page: ``python -m tests.documents.serve_pictures [ADDRESS]``.

It starts ``demo --serve`` unless it is given the address of one that runs.  It needs the extra ``serve``, Playwright and Pillow
(``pip install playwright pillow``) and Chromium of the system (``apt-get install chromium``), and writes ``examples/serve/pictures``.
Look at them before you commit them.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from tests.processes.test_serve import serving
from tests.support.browser import wait_for
from tests.support.paths import ROOT

PICTURES = ROOT / "examples" / "serve" / "pictures"
WIDTH = 1200
_WINDOW = 1360
COLORS = 256


class Picture(NamedTuple):
    """One of them."""

    address: str
    """Of the view, from the slash on."""
    is_there: str
    """What is there when the view is."""
    height: int
    at: str | None = None
    """What is scrolled to."""


TAKEN = {
    "overview": Picture("/overview?from=14d&by=service.name", ".chart .main-svg", 900),
    "charts": Picture("/charts?from=14d&scope=calls&metric=duration&agg=p95&group=model", "#chart-table table", 800),
    "sessions": Picture("/sessions?from=14d&sort=-cost", '.ag-cell[col-id="cost"]:has-text(".")', 620),
    "session": Picture("/session?id=chat-loop", "#session-why table", 900),
    "compare": Picture("/compare?from=14d&mode=segment&key=service.version&a=2.3.0&b=2.4.0", "#compare-drivers table", 900),
    "alerts": Picture("/alerts", "#view table", 800),
}
"""By the names of their files."""


def main(address: str | None = None) -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        if address is None:
            program = stack.enter_context(serving("--serve", "--no-open", name="demo"))
            address = f"http://127.0.0.1:{program.page}"
        playwright = stack.enter_context(import_module("playwright.sync_api").sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        stack.callback(browser.close)
        for name, picture in TAKEN.items():
            path = PICTURES / f"{name}.png"
            path.write_bytes(_small(_taken(browser, address, picture)))
            sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size:,} bytes\n")


def _taken(browser: Any, address: str, picture: Picture) -> bytes:
    page = browser.new_page(viewport={"width": _WINDOW, "height": picture.height}, color_scheme="light")
    page.goto(f"{address}{picture.address}", timeout=90_000)
    page.wait_for_selector(picture.is_there, timeout=90_000)
    wait_for(page, "!document.querySelector('.chart.loading')")
    if picture.at is not None:
        page.locator(picture.at).scroll_into_view_if_needed()
    page.evaluate("document.fonts.ready")
    taken: bytes = page.screenshot(animations="disabled")
    page.close()
    return taken


def _small(png: bytes) -> bytes:
    """The picture with few colours."""
    images = import_module("PIL.Image")
    found = BytesIO()
    image = images.open(BytesIO(png)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), images.Resampling.LANCZOS)
    image.quantize(COLORS, images.Quantize.MAXCOVERAGE, kmeans=1, dither=images.Dither.NONE).save(found, "PNG", optimize=True)
    return found.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
