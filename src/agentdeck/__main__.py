"""The one place that names both faces: no verb opens the dashboard, a verb is the CLI's."""

from __future__ import annotations

import sys


def main() -> int:
    from agentdeck.cli import main as cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
