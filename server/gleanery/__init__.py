"""gleanery: give it a URL and watch it become knowledge."""

__version__ = "0.1.0"
