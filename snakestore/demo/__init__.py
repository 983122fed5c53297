"""The demo of the command line: four processes search together, and nothing is lost."""
