"""Registered models, their immutable versions and the aliases that point at them."""
