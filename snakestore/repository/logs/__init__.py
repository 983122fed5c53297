"""Methods about logs. The modules, in reading order.

access    looking up and locking a log
reads     reading entries, lengths and names
writes    appending, removing entries, deleting a log
sequence  ``log()``: a log as a sequence
"""
