"""edgectl: the edge controller beside a closed, automated bioreactor."""

__version__ = "0.1.0"
