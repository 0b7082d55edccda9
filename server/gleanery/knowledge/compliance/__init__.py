"""Compliance against frameworks: reading them, searching evidence, checking quotes, comparing and writing reports."""
