"""Work asked of a node: signed cell jobs and small questions."""
