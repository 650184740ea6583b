"""Projects: the tenants. Two of them never see each other."""
