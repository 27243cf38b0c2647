"""All stacks that can be recorded, one module a family."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ._stack import Stack

__all__ = ["Stack", "all_stacks"]


def all_stacks() -> dict[str, Stack]:
    """By name, from every module here that defines ``STACKS``."""
    found: dict[str, Stack] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        for stack in import_module(f"{__name__}.{module.name}").STACKS:
            if stack.name in found:
                message = f"two stacks are named {stack.name}"
                raise ValueError(message)
            found[stack.name] = stack
    return dict(sorted(found.items()))
