"""Composition root of the control plane: app, routes, jobs, settings, wiring. Nothing else."""
