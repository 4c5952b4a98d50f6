"""Where chunks live: embedded in this process, or on a Qdrant server."""
