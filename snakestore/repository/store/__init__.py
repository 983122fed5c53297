"""Methods about the whole store: statistics, expiry, backup, check."""
