"""What else people keep such state in. None of them checks values, keeps a history or counts, and each says where else its work differs."""
