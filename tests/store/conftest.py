"""Journals of these tests live in memory."""

from __future__ import annotations

from tests.store.folder import tmp_path

__all__ = ["tmp_path"]
