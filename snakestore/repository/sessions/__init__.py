"""Methods about sessions. The modules, in reading order.

reads   one session, and lists of sessions
writes  creating, changing, reviving and deleting a session
"""
