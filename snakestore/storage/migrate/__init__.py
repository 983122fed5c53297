"""Inspecting, upgrading and opening a database."""
