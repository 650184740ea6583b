"""Wire formats between processes and with the world. Versioned; pure data; no cryptography, no I/O."""
