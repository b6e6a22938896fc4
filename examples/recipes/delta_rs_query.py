"""Asks a table with delta-rs, in SQL: python3 delta_rs_query.py <folder of the Delta Lake table>"""

import sys

from deltalake import DeltaTable, QueryBuilder

query = """
    SELECT weather, count(*) AS days, max(temp_max) AS warmest, avg(wind) AS wind
    FROM tally
    WHERE weather IS NOT NULL
    GROUP BY weather ORDER BY weather
"""
# DeltaTable(folder, version=…) has the table as it was at that version.
rows = QueryBuilder().register("tally", DeltaTable(sys.argv[1])).execute(query).read_all()
for row in rows.to_struct_array().to_pylist():
    print("{weather}: {days} days, up to {warmest} °C, wind {wind:.2f} m/s".format(**row))
