"""Exit codes of every command, for scripts."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What a command ended with.

    OK: done. FAILED: it ran and the answer is no (problems found, not in band, a difference, an output not confirmed safe). USAGE: the call or
    the configuration is wrong, nothing was started. UNREACHABLE: no running control process answers. RUNNING: another control process holds this
    unit. CRASHED: the process ended by a bug after driving its outputs safe.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    RUNNING = 4
    CRASHED = 70
