"""Pairings: which caller may call which endpoint, and why."""
