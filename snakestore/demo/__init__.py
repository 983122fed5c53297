"""The demo of the command line: several processes tune zlib and share one session.

Read ``run`` first: it prepares the session, starts the workers and checks the result. ``search``
has the settings and the search, ``worker`` is one worker process, ``crew`` is what the parent
process knows of its workers.
"""
