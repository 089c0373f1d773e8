"""A Sparkplug B 3.0 host and judge of the bench's own: it shares no line with the edge node that it judges."""
