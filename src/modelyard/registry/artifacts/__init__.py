"""Files by content address: which project holds which blob, and the wrapped keys that open its chunks."""
