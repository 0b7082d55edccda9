"""Tasks of type `parse_page`: one page in a real browser."""
