"""Measurements against peers and against our own bars. Not tests: a noisy machine must not fail anybody's build."""
