"""Versions approved for an endpoint: requested, decided by a second person, signed, live, rolled back."""
