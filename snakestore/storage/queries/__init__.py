"""The statements, each written once and compiled once per dialect.

Read ``statement`` (how one is compiled and run) and ``columns`` (what is selected, and the name of
each position) first. Then one module per subject: ``sessions``, ``variables``, ``history``,
``programs``, ``logs``, ``checks`` and ``copying``. ``server_time`` is the server's clock as an
expression.
"""
