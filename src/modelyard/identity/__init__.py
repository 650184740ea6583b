"""Who is asking, and what they may do: projects, users, roles, service accounts, tokens, pairings, nodes.

Inside, imports point one way too: projects < service_accounts < tokens < users < roles < sessions | pairings | nodes.
"""
