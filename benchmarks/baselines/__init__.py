"""Hand-written programs on the same tables: fixed SQL, the same rows touched, no library."""
