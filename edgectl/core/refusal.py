"""Why a request is not granted."""

from __future__ import annotations


class Refusal(Exception):
    """A request that may not be granted. The text says why and what to do."""
