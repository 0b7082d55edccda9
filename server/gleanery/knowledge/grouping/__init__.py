"""Instructions that are one template with different values: found, named, kept stable. Pure; no I/O."""
