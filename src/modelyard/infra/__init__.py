"""Technology without business nouns."""
