"""Stable prediction addresses with their limits."""
