"""Task types, one file or folder each. They know the engine, the web and the knowledge base, never each other."""
