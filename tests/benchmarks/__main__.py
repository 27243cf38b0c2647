"""The whole table of what a span, a root and a question cost, this version beside others, each part in turn.

Run: ``python -m tests.benchmarks [--rounds 100] [--against REVISION ...]`` (a quarter of an hour; nothing else may run)
"""

from __future__ import annotations

import argparse

from . import collector, overhead, questions
from ._workload import say


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=100, help="rounds of side-by-side blocks")
    parser.add_argument("--against", nargs="*", default=[], metavar="REVISION", help="other versions, as git names them")
    chosen = parser.parse_args()
    against = ["--against", *chosen.against]
    say("# spans: over a bare BatchSpanProcessor, medians with 95 % intervals")
    overhead.main(["--rounds", str(chosen.rounds), "--otlp", "--store", *against])
    say("\n# the garbage collector's share")
    collector.main(against)
    say("\n# questions")
    questions.main(against)


if __name__ == "__main__":
    main()
