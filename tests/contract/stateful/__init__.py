"""The model that random sequences of operations are compared with."""
