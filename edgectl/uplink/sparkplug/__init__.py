"""The unit as a Sparkplug B 3.0 edge node: what it tells, and when, by the rules of the Eclipse specification."""
