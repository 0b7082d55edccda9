"""`SupabaseStore`: the parts of the contract over a Supabase project. How its functions look is told in `client.py`."""

from __future__ import annotations

from gleanery.store.supabase.store import SupabaseStore

__all__ = ["SupabaseStore"]
