"""What was decided, and by whom: the audit trail and lineage."""
