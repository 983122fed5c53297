"""What the database looks like. The modules, in reading order.

tables        the mapped tables: the only description of the schema
column_types  times, durations and identifiers, as each database stores them; json_types: JSON
overviews     the views, as mapped classes; ``snakestore.tables`` exports them and the tables
views         the SELECTs behind the views; view_functions: what they compute with
copied        the table of checksums that ``copy`` adds to its target
alterations   what makes a database unfit for these tables, as an error
revisions     the revisions, and the names that each creates
"""
