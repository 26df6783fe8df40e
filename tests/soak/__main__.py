"""The long run: `make soak`, or `make soak SEED=7` to have one again."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.soak.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--kills", type=int, default=1000, help="end after so many (default: 1000)")
    parser.add_argument("--minutes", type=float, default=30, help="end after this time (default: 30)")
    args = parser.parse_args()
    sys.stdout.write(f"seed {args.seed}\n")
    sys.stdout.flush()
    report = soak(args.seed, kills=args.kills, seconds=60 * args.minutes, loud=sys.stderr.isatty())
    sys.stdout.write(f"{report}\n")
    if not report.model.is_mostly_done:
        sys.stdout.write("too many acts were refused to tell much\n")
    return 0 if report.model.is_mostly_done and not report.violation else 1


if __name__ == "__main__":
    sys.exit(main())
