"""Locks and environments that a project has had made before, so that an unchanged push skips both steps."""
