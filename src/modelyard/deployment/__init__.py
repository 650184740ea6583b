"""What should run: endpoints, releases, previews, the desired state rendered from them, and what nodes report."""
