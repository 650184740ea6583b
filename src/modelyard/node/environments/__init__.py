"""Locked software environments: resolved, materialized once, shared read-only by every cell that needs them."""
