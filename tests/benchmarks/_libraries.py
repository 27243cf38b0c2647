"""Versions of this library that run side by side in one process: this one, and others under names of their own."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import otel_session_agg
from tests.support.builds import IS_COMPILED
from tests.support.paths import ROOT

_PACKAGE = "otel_session_agg"


class Library(NamedTuple):
    """A version of this library."""

    name: str
    api: Any
    """Its public module; what it has to offer depends on the version."""


THIS = Library("this, compiled" if IS_COMPILED else "this", otel_session_agg)


@contextmanager
def libraries(revisions: list[str]) -> Iterator[list[Library]]:
    """This version and those of some revisions, whose copies are plain Python whatever this one is."""
    with TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        try:
            yield [THIS, *(Library(revision, _copy(revision, Path(folder))) for revision in revisions)]
        finally:
            sys.path.remove(folder)


def _copy(revision: str, folder: Path) -> ModuleType:
    """Import the package of a revision under a name of its own."""
    name = f"{_PACKAGE}_{''.join(filter(str.isalnum, revision))}"
    packed = subprocess.run(  # noqa: S603 -- git
        ["git", "-C", str(ROOT), "archive", revision, _PACKAGE],  # noqa: S607 -- wherever it is
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                path = folder / name / Path(member.name).relative_to(_PACKAGE)
                path.parent.mkdir(parents=True, exist_ok=True)
                text = content.read()
                path.write_bytes(text.replace(_PACKAGE.encode(), name.encode()) if path.suffix == ".py" else text)
    importlib.invalidate_caches()
    return importlib.import_module(name)
