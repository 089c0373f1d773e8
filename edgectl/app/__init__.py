"""Composition and command line."""
