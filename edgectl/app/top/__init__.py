"""``edgectl top``: a running unit on one screen of a plain terminal."""
