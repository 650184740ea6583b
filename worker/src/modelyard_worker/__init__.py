"""The process that answers predictions. No dependencies; uses what the model's environment has."""

__version__ = "0.1.0"
