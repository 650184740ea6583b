"""The two questions every call asks: who is it, and what may they do."""
