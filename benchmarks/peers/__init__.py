"""Other stores for such state. Each one declares how its work differs (``unequal``)."""
