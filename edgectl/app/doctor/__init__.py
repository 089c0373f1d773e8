"""``edgectl doctor``: what ails the machine, its lines and the unit's surroundings. One file a subject, one small function a check."""
