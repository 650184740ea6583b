"""What nodes say of themselves, the latest per node."""
