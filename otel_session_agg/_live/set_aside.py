"""Requests that are not counted, as files in a folder of their own.

They stay there until there are too many of them: then those leave that were set aside first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from otel_session_agg._files import sync_folder
from otel_session_agg._otlp.otlp import is_json

_MAX_ASIDE, _MAX_ASIDE_BYTES = 100, 256 * 1024 * 1024
"""Requests that are kept, and their bytes: enough to find out what they have in common."""

_MAX_DIGITS = 19


class SetAside:
    """The files of a folder, which is created with the first of them; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths = sorted(folder.glob("request-*"), key=_number_of)
        """The last one is at the end."""

    def add(self, content: bytes) -> Path:
        """Write a request; return its file.

        Raises:
            OSError: it cannot be written, and nothing of it is.

        """
        path = self._written(content)
        self.paths.append(path)
        self._drop()
        return path

    def _drop(self) -> None:
        """Delete what was set aside first, of too much; the last one stays."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in self.paths]
        while len(sizes) > 1 and (len(sizes) > _MAX_ASIDE or sum(sizes) > _MAX_ASIDE_BYTES):
            sizes.pop(0)
            with suppress(OSError):
                self.paths.pop(0).unlink()

    def _written(self, content: bytes) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        ending = ".json" if is_json(content.lstrip()[:1]) else ".pb"
        number = max(map(_number_of, self._folder.iterdir()), default=0) + 1
        path = self._folder / f"request-{number}{ending}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(file, "wb") as opened:  # noqa: PTH123 -- it is open already
                opened.write(content)
                opened.flush()
                os.fsync(file)
        except OSError:
            path.unlink()
            raise
        sync_folder(self._folder)
        return path


def _number_of(path: Path) -> int:
    """Return the number of a request that was set aside; 0: it is another file."""
    _, _, digits = path.stem.partition("request-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _MAX_DIGITS else 0
