"""Exporting sessions as records of JSON and importing them. The modules, in reading order.

fields     one cell of a row as JSON, and back
format     which records there are, their fields, their checksums
exporting  reads a store as records
checking   checks records that are to be imported, one after the other
importing  stores checked records
methods    ``export_sessions`` and ``import_sessions``
"""
