"""Asks a table with DuckDB: python3 duckdb_query.py <folder of the Delta Lake table>"""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_delta

db = duckdb.connect()
# From PyPI; where DuckDB may download its extensions, `INSTALL delta; LOAD delta` does the same.
(extension,) = Path(duckdb_extension_delta.__file__).parent.glob("extensions/*/delta.duckdb_extension")
db.load_extension(str(extension))

query = """
    SELECT weather, count(*), max(temp_max), avg(wind)
    FROM delta_scan($folder)
    WHERE weather IS NOT NULL
    GROUP BY weather ORDER BY weather
"""
for weather, days, warmest, wind in db.execute(query, {"folder": sys.argv[1]}).fetchall():
    print(f"{weather}: {days} days, up to {warmest} °C, wind {wind:.2f} m/s")
