"""Service accounts: the applications and pipelines of a project. They log in by token alone."""
