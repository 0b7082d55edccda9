"""A whole store moved to the other kind: row by row, table by table, in the order of keys, and compared at the end.

`plan.py` says which tables go and how their columns correspond, `ends.py` what a source and a goal must be able to do,
`move.py` moves, `comparing.py` compares; `sqlite_end.py` and `gleanery.store.supabase.moving` are the two ends.
"""
