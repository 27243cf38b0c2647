"""``python -m tests.recording.check``: a line for each recorded case, right or which figures are wrong."""

from __future__ import annotations

import sys

from tests.support.replay import cases_in

from .verdict import recordings, wrong_figures


def main(names: list[str]) -> int:
    """0 if all cases of the stacks (all of them, if none is named) are right."""
    right = total = 0
    for path in recordings(names or ["*"]):
        for case in cases_in(path):
            wrong = wrong_figures(case)
            told = ", ".join(f"{key}: expected {expected}, got {actual}" for key, (expected, actual) in wrong.items())
            print(case["id"], told or "right", f"(without {', '.join(case['left_out'])})" if case["left_out"] else "")
            total += 1
            right += not wrong
    print(f"{right} of {total} right")
    return 0 if right == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
