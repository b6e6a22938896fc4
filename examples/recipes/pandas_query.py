"""Asks a table with pandas: python3 pandas_query.py <folder of the Delta Lake table>"""

import sys

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

# Only the columns and rows that are needed come out of the files.
columns = "SELECT weather, temp_max, wind FROM tally WHERE weather IS NOT NULL"
rows = QueryBuilder().register("tally", DeltaTable(sys.argv[1])).execute(columns)
days = pa.table(rows.read_all()).to_pandas().groupby("weather")
for weather, group in days:
    warmest, wind = group["temp_max"].max(), group["wind"].mean()
    print(f"{weather}: {len(group)} days, up to {warmest} °C, wind {wind:.2f} m/s")
