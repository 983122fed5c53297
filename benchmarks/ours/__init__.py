"""The library, in its variants, as implementations."""
