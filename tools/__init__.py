"""What the Makefile calls: nothing in here is part of the server."""
