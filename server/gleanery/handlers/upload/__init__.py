"""Uploads: the files that wait, and the task that makes pages of them."""
