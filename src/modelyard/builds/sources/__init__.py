"""Where a push comes from: files sent with it, or a Git commit."""
