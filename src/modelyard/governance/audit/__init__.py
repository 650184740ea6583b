"""Who did what, where, why, when and with what outcome: append-only, chained, in the change's own transaction."""
