"""Cryptography as a few small, strict functions. With `trust` the only place that imports `cryptography`."""
