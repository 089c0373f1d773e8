"""The performance figures of the product beside their anchors, in one run: ``./dev bench``."""
