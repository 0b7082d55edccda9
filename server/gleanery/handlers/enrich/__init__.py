"""Tasks of type `enrich_source`: what a chat model adds to the pages of a source."""
