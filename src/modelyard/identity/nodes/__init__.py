"""Nodes: the machines that run models, known by their keys."""
