"""What exists: artifacts, registered models, versions, aliases."""
