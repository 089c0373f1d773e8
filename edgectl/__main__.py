"""Entry point. ``edgectl control`` takes a short way that imports nothing a real-time process does not need."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["control"]:
        from edgectl.app.control import main as control

        sys.exit(control(sys.argv[2:]))
    from edgectl.app.command_line import edgectl

    edgectl(prog_name="edgectl")


if __name__ == "__main__":
    main()
