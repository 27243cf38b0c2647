"""``python -m tests.recording``: record stacks."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from ._environment import InstallError, prepare
from ._recorder import record, write
from .stacks import Stack, all_stacks


def main(arguments: list[str] | None = None) -> int:
    """0 if all scenarios of all stacks were recorded."""
    options = _parser().parse_args(arguments)
    chosen = chosen_stacks(["*"] if options.all or options.list else options.stacks)
    if options.list:
        for stack in chosen:
            print(stack.name, *stack.packages)
        return 0
    if not chosen:
        print("no such stack; --list names all")
        return 2
    if options.venvs:
        return _record_all(chosen, options.venvs.absolute(), latest=options.latest)
    with tempfile.TemporaryDirectory(prefix="recording-") as folder:
        return _record_all(chosen, Path(folder), latest=options.latest)


def chosen_stacks(globs: Iterable[str]) -> list[Stack]:
    """The stacks whose names match one of them."""
    return [stack for name, stack in all_stacks().items() if any(fnmatchcase(name, glob) for glob in globs)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.recording", description="Record what instrumentations write.")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="names of stacks, or globs")
    parser.add_argument("--all", action="store_true", help="all stacks")
    parser.add_argument("--list", action="store_true", help="name the stacks and their packages")
    parser.add_argument("--latest", action="store_true", help="install the newest versions instead of the pinned ones")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="keep the environments here and use them again")
    return parser


def _record_all(stacks: list[Stack], folder: Path, *, latest: bool) -> int:
    complete = True
    for stack in stacks:
        try:
            environment = prepare(stack, folder / stack.name, latest=latest)
        except InstallError as error:
            print(f"{stack.name}: cannot be installed: {error}", flush=True)
            complete = False
            continue
        recording = record(stack, environment)
        complete = complete and not recording.problems
        for problem in recording.problems:
            print(f"{stack.name}/{problem}", flush=True)
        if recording.unseen:
            print(f"{stack.name}: nothing was written of", *recording.unseen, flush=True)
        if recording.cases:
            path = write(stack, recording)
            print(f"{stack.name}: {len(recording.cases)} cases, {path.stat().st_size} bytes", flush=True)
        if latest:
            print(f"{stack.name}: recorded with", *environment.pinned(stack.requirements(latest=True)), flush=True)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
