"""Methods about the whole store. The modules, in reading order.

stats        row counts and sizes
expiry       listing and deleting expired sessions
pruning      deleting past versions
compact      returning free space to the disk
backup       a copy of a SQLite store in one file
check        the method ``check()``, which loads the two below on first use
check_store  reading the whole store page by page
check_rows   the checks of one row
"""
