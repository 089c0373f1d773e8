"""Emulated instruments, each typed from its maker's documents."""
