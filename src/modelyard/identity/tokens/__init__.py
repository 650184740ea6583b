"""Tokens: everything that opens a door is one signed format, issued, listed and revoked here."""
