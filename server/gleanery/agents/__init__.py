"""Work done by asking a chat model: the client, what asking costs, and what is asked about pages and code."""
