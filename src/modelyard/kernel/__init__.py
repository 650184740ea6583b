"""Words every room shares. Pure; standard library only."""
