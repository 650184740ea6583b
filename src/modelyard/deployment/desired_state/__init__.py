"""What nodes should run, rendered from the database, numbered, leased and signed."""
