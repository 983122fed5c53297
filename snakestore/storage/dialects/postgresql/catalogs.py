"""The query of the catalogs that describes snakestore's tables, and what others put on them.

It is one statement, because a store that is opened waits for it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Text, TextualSelect, column, text

from snakestore.storage.schema.revisions import VERSION_TABLE
from snakestore.storage.schema.tables import Base

_TABLES = ", ".join(f"'{name}'" for name in (VERSION_TABLE, *Base.metadata.tables))
_VERSION_TABLE = f"to_regclass('{VERSION_TABLE}')"

_COLUMN = """concat_ws(' ', format_type(atttypid, atttypmod),
        CASE WHEN attcollation <> typcollation
            THEN 'COLLATE ' || CAST(CAST(attcollation AS regcollation) AS text) END,
        CASE WHEN attnotnull THEN 'NOT NULL' END,
        CASE WHEN attgenerated <> '' THEN 'GENERATED ALWAYS AS' WHEN atthasdef THEN 'DEFAULT' END,
        pg_get_expr(adbin, adrelid),
        CASE WHEN attidentity <> '' THEN 'GENERATED AS IDENTITY' END)"""

# a key's part without a sort order; INCLUDE adds columns that are no keys
_INDEX = """concat_ws(' ', CASE WHEN indisunique THEN 'unique' END, 'on', relname, (
            SELECT string_agg(pg_get_indexdef(indexrelid, number, false)
                || CASE WHEN attcollation <> indcollation[number - 1]
                    THEN ' COLLATE ' || CAST(CAST(indcollation[number - 1] AS regcollation) AS text)
                    ELSE '' END, ', ' ORDER BY number)
            FROM generate_series(1, indnkeyatts) AS number LEFT JOIN pg_attribute
                ON attrelid = indrelid AND attnum = indkey[number - 1] AND attnum <> 0),
        'where ' || pg_get_expr(indpred, indrelid))"""

_SEES_ALL_ROWS = """EXISTS (
        SELECT FROM pg_policy WHERE polrelid = own.oid AND polpermissive AND polcmd = '*'
        AND pg_get_expr(polqual, polrelid) = 'true'
        AND coalesce(pg_get_expr(polwithcheck, polrelid), 'true') = 'true'
        AND EXISTS (SELECT FROM unnest(polroles) AS role
            WHERE role = 0 OR pg_has_role(role, 'USAGE'))
    ) AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = own.oid AND NOT polpermissive)"""

_DEFINITIONS = f"""
    WITH home AS (
        SELECT relnamespace AS oid FROM pg_class WHERE oid = {_VERSION_TABLE}
    ), own AS (
        SELECT pg_class.oid, relname, relkind FROM pg_class JOIN home ON relnamespace = home.oid
        WHERE relname IN ({_TABLES})
    ), part AS (
        SELECT inhrelid AS oid, relname, relkind FROM own JOIN pg_inherits ON inhparent = own.oid
    ), every AS (
        SELECT oid, relname, false AS is_part FROM own UNION ALL
        SELECT oid, relname, true FROM part WHERE relkind = 'p'
    )
    SELECT 'hidden', relname, nspname, CAST(CAST(home.oid AS regnamespace) AS text)
    FROM home, pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname IN ({_TABLES}) AND relnamespace <> home.oid
        AND pg_table_is_visible(pg_class.oid)
    UNION ALL
    SELECT 'replaced', relname, relname, CASE relkind WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'relation' END
    FROM own WHERE relkind NOT IN ('r', 'p')
    UNION ALL
    SELECT 'heir', relname, CAST(CAST(oid AS regclass) AS text), ''
    FROM part WHERE relkind = 'r'
    UNION ALL
    SELECT 'column', relname, attname, {_COLUMN}
    FROM own JOIN pg_attribute ON attrelid = own.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = own.oid AND adnum = attnum
    WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT CASE WHEN is_part THEN 'part constraint' ELSE 'constraint' END, relname,
        CASE WHEN is_part THEN CAST(CAST(every.oid AS regclass) AS text) ELSE conname END,
        'CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(pg_constraint.oid)
    FROM every JOIN pg_constraint ON conrelid = every.oid
    WHERE contype IN ('c', 'f', 'p', 'u', 'x') AND conparentid = 0
        AND NOT (is_part AND coninhcount > 0)
    UNION ALL
    SELECT CASE WHEN indisunique OR indexprs IS NOT NULL OR indpred IS NOT NULL
            THEN 'index' ELSE 'plain index' END, relname,
        CAST(CAST(indexrelid AS regclass) AS text), {_INDEX}
    FROM every JOIN pg_index ON indrelid = every.oid
    WHERE NOT EXISTS (
            SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
        AND NOT (is_part AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid))
    UNION ALL
    SELECT 'trigger', relname, quote_ident(tgname), CAST(CAST(every.oid AS regclass) AS text)
    FROM every JOIN pg_trigger ON tgrelid = every.oid
    WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgparentid = 0
    UNION ALL
    SELECT 'rule', relname, quote_ident(rulename), CAST(CAST(own.oid AS regclass) AS text)
    FROM own JOIN pg_rewrite ON ev_class = own.oid
    WHERE rulename <> '_RETURN' AND ev_enabled <> 'D'
    UNION ALL
    SELECT 'row security', relname, current_user, CAST(CAST(own.oid AS regclass) AS text)
    FROM own WHERE relkind IN ('r', 'p') AND row_security_active(own.oid) AND NOT ({_SEES_ALL_ROWS})
"""  # noqa: S608 - constants


class FoundDefinition(NamedTuple):
    """A row of the query: the kind of the object, its table and name, and how it is defined."""

    kind: str
    table: str
    name: str
    definition: str


def definitions() -> TextualSelect:
    """The query. Of a partition, it returns only what its table does not have."""
    return text(_DEFINITIONS).columns(*(column(name, Text()) for name in FoundDefinition._fields))
