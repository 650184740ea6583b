"""The small process that owns every replica's socket and starts workers. Standard library only."""
