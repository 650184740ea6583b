"""Cells: what identity and limits code that is not ours runs with, and the jobs that run in them."""
