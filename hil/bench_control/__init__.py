"""How well is a vessel controlled: several controllers on the same scattered vessels through the same mishaps."""
