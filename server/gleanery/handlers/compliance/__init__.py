"""Task types of compliance: evidence by search, verdicts by a chat model, the report as files."""
