"""The library, in its variants, as contenders."""
