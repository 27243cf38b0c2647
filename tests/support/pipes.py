"""Named pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def piped(path: Path, data: bytes) -> Iterator[Path]:
    """A named pipe, into which these data are written once."""
    os.mkfifo(path)
    writer = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())", path], stdin=subprocess.PIPE
    )
    with writer:
        assert writer.stdin is not None
        writer.stdin.write(data)
        writer.stdin.close()
        try:
            yield path
        finally:
            writer.kill()  # nobody may have read it
