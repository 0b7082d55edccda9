"""The supervised Chromium that renders pages: `supervisor` is the door, the rest is behind it."""
