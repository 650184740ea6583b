"""From a prediction, a version or an endpoint to people, code, data and environment."""
