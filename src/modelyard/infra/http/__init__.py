"""The HTTP kit of the control plane: calls with a permission and a transaction, problems, paging, idempotency."""
