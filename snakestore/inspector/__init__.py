"""The browser inspector, and the questions that an operator asks of a store.

questions     the ten questions as SQL over the views; ``docs/inspecting.md`` shows them
database      Datasette's database: connections that change nothing, values cut in the views
metadata      titles, descriptions, units, facets and sort orders of Datasette's pages
queries       the SQL of the inspector's own pages
values        values, times and sizes as HTML
charts        charts as SVG, drawn by Vega-Lite
pages         the inspector's own pages: sessions, a session, a variable, a program, a log
plugin        what Datasette calls: cells, routes, permissions
security      which requests are answered, and the headers of every answer
server        the application, and how it is served
"""
