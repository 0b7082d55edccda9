"""What tests of search use to run over every store."""

from __future__ import annotations

from tests.store.conftest import clock

__all__ = ["clock"]
