"""What tests of search use to run over every store."""

from __future__ import annotations

from tests.store.conftest import clock, supabase_project

__all__ = ["clock", "supabase_project"]
