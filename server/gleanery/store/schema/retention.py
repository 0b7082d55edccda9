"""Indexes by which old traces, and groups that nothing leads to any more, are found."""

from __future__ import annotations

SQL = """
CREATE INDEX trace_age ON trace (project_id, path, started_at);
CREATE INDEX trace_group_merged ON trace_group (merged_into) WHERE merged_into IS NOT NULL;
"""
