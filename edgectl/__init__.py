"""edgectl: the edge controller beside a closed, automated bioreactor."""
