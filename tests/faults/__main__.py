"""Runs the attacks of this folder, by their modules' names, and says which hold: ``python -m tests.faults --long --seed 7``."""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback

from .kit import Attack, attacks, modules


def main() -> int:
    """Returns how many attacks broke something."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[*modules(), []], metavar="MODULE", help=f"of {', '.join(modules())}")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same attacks")
    parser.add_argument("--long", action="store_true", help="many rounds: minutes to hours")
    given = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())  # what breaks on purpose is not worth a line
    return sum(not _holds(one, given.seed, is_long=given.long) for one in attacks(*given.modules))


def _holds(one: Attack, seed: int, *, is_long: bool) -> bool:
    began = time.monotonic()
    try:
        one.start(seed, is_long=is_long)
    except Exception:  # noqa: BLE001 -- whatever it is, the others go on
        traceback.print_exc()
        verdict = "BROKEN"
    else:
        verdict = "holds"
    print(f"{one.name:50} {verdict:6} {time.monotonic() - began:8.1f} s   seed {seed}", flush=True)
    return verdict == "holds"


if __name__ == "__main__":
    sys.exit(main())
