"""What a skilled person would write by hand against the same tables: prepared SQL strings, the same rows touched, no library between."""
