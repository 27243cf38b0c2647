"""Remove what a compiled build puts beside the sources, once it is in the wheel.

Python prefers compiled modules to sources, so an editable install would go on running old code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CleanBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling 1.27 takes no type argument
    """Runs with every wheel; a plain one has nothing to remove."""

    def finalize(self, _version: str, build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove compiled modules and the library that they share."""
        root = Path(self.root)
        compiled = [
            path for pattern in build_data["artifacts"] for path in root.glob(pattern.lstrip("/"))
        ]
        for path in {*compiled, *map(Path, build_data["force_include"])}:
            if path.suffix in (".so", ".pyd"):
                path.unlink(missing_ok=True)
