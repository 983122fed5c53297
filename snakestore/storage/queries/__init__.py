"""The statements, by what they are about; each is written once and compiled once a dialect."""
