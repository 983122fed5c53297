"""SQLite. dialect.py is the index: each method says which of the others it needs.

- url.py reads paths and URLs; connect.py makes engines, connector.py opens files for repositories,
  opening.py opens the connections of both, tracked.py tracks them across forks, and begin.py begins
  transactions;
- files.py creates and checks the file, file_watch.py notices that it was replaced, and
  location.py where it does not belong;
- introspection.py says which tables a file has and what is wrong with it, definitions.py what
  others altered of them; backup.py copies it;
- errors.py translates what ``sqlite3`` raises; compiled.py has statements that were compiled ahead.
"""
