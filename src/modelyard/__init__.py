"""Modelyard: takes models from a laptop to governed production."""

__version__ = "0.1.0"
