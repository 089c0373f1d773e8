"""The bench beside the product: plant, instruments, lines, faults. Shares no code with edgectl."""
