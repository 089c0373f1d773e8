"""Entry point. The two processes of a unit take a short way that imports nothing they do not need."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    process, arguments = sys.argv[1:2], sys.argv[2:]
    if process == ["control"]:
        _do_without_rich()
        from edgectl.app.control import main as control

        sys.exit(control(arguments))
    if process == ["uplink"]:
        _do_without_rich()
        from edgectl.app.uplink import main as uplink

        sys.exit(uplink(arguments))
    from edgectl.app.command_line import edgectl

    edgectl(prog_name="edgectl")


def _do_without_rich() -> None:
    """Tell structlog, which can do without, that rich is not there: it would import it for tracebacks nobody prints, 4 MiB and 100 ms.

    None is how Python's module cache says so (language reference, section 5.3.1).
    """
    sys.modules["rich"] = None  # type: ignore[assignment]


if __name__ == "__main__":
    main()
