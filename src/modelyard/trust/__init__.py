"""Keys and proofs: what the installation signs with, and how anyone checks it."""
