"""How versions come to be: sources, environments, cell jobs, builds."""
