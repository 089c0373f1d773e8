"""The durable journal and its cursor."""
