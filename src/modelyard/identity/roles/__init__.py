"""Roles: who is what in which project."""
