"""Builds: durable jobs that turn a source into a version."""
