"""Mutation of the safety code, to test its tests."""
