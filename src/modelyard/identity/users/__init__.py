"""Users: people who log in with a password."""
