"""What a stack is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase


@dataclasses.dataclass(frozen=True)
class Stack:
    """A library with its instrumentations, at named versions, and the driver that uses it."""

    name: str
    """``<library>.<instrumentation>``; several instrumentations are joined by ``+`` in the order of their installation."""
    driver: str
    """A file in ``drivers`` without its suffix, or one in ``node`` that ends in ``.mjs``."""
    packages: tuple[str, ...]
    """Requirements, each pinned to the version that was recorded."""
    python: str = "3.11"
    options: tuple[str, ...] = ()
    """Words for the driver."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variables for the driver."""
    unstated: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Figures that stand on no span, by glob over scenarios: keys of ``expect``, or ``cost``."""
    why: str = ""
    """Why they stand on none."""

    @property
    def library(self) -> str:
        """What is instrumented."""
        return self.name.partition(".")[0]

    @property
    def instrumentation(self) -> str:
        """What instruments it."""
        return self.name.partition(".")[2]

    @property
    def is_node(self) -> bool:
        """Whether Node runs the driver."""
        return self.driver.endswith(".mjs")

    def requirements(self, *, latest: bool = False) -> tuple[str, ...]:
        """What is to be installed; the latest versions are those without a pin."""
        if not latest:
            return self.packages
        pin = r"(?<=.)@[^@/]*$" if self.is_node else r"==[^,;]*"
        return tuple(re.sub(pin, "", package) for package in self.packages)

    def left_out(self, scenario: str) -> tuple[str, ...]:
        """The figures that stand on no span of this scenario."""
        return tuple(sorted({key for glob, keys in self.unstated.items() if fnmatchcase(scenario, glob) for key in keys}))
