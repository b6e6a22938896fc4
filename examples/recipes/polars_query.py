"""Asks a table with polars: python3 polars_query.py <folder of the Delta Lake table>"""

import sys

import polars as pl

days = (
    pl.scan_delta(sys.argv[1])
    .filter(pl.col("weather").is_not_null())
    .group_by("weather")
    .agg(pl.len(), pl.col("temp_max").max(), pl.col("wind").mean())
    .sort("weather")
    .collect()
)
for weather, count, warmest, wind in days.rows():
    print(f"{weather}: {count} days, up to {warmest} °C, wind {wind:.2f} m/s")
