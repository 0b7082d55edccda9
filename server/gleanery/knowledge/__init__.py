"""Turning documents into knowledge: extraction, Markdown, code examples, chunks, vectors, search."""
