"""What turns texts into vectors: on this machine, or through any server that speaks OpenAI's API."""
