"""`python -m bench [NAME ...]`: runs the measurements one after the other; each prints its figures and keeps them."""

from __future__ import annotations

import importlib
import sys

MEASUREMENTS = ("launch", "life_cycle", "serving", "gateway_changes", "desired_state")


def main() -> int:
    chosen = sys.argv[1:] or list(MEASUREMENTS)
    unknown = [name for name in chosen if name not in MEASUREMENTS]
    if unknown:
        print(f"no measurement {unknown[0]!r}, expected one of {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
