"""YAML to a frozen, hashed plan."""
