"""The real-time process: image, pollers, executive, outputs, intake."""
