"""Writes the Parquet files of this folder, and their sums: golden.json.

Usage: python make_golden.py, with pyarrow==26.0.1. The files are committed; run it again only to
change what is in them. The sums are added up from the values, not read back from the files.
"""

import itertools
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent
ROWS = 321


def with_nulls(values, is_null):
    return [None if is_null(i) else value for i, value in enumerate(values)]


def columns(rng):
    """Name to (Arrow type, nullable, values)."""
    wide = lambda bits: [rng.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1)) for _ in range(ROWS)]
    extremes = [(2**63 - 1, -(2**63), 0, -1)[rng.randrange(4)] for _ in range(ROWS)]
    extremes32 = [(2**31 - 1, -(2**31), 0, -1)[rng.randrange(4)] for _ in range(ROWS)]
    runs = [i // 50 * 10**12 for i in range(ROWS)]
    steps = [i * 7 - 1000 for i in range(ROWS)]
    few = [rng.randrange(5) for _ in range(ROWS)]
    i32, i64 = pa.int32(), pa.int64()
    return {
        "wide": (i64, False, wide(64)),
        "wide32": (i32, False, wide(32)),
        "extremes": (i64, True, extremes),
        "extremes32": (i32, True, with_nulls(extremes32, lambda i: i % 2 == 0)),
        "largest": (i64, False, [2**63 - 1] * ROWS),
        "least": (i64, True, [-(2**63)] * ROWS),
        "runs": (i64, True, with_nulls(runs, lambda i: 60 <= i < 200)),
        "steps": (i64, True, with_nulls(steps, lambda i: rng.random() < 0.3)),
        "steps32": (i32, False, steps),
        "few": (i64, True, with_nulls(few, lambda i: i % 9 != 4)),
        "few32": (i32, True, few),
        "nulls": (i64, True, [None] * ROWS),
        "one": (i32, True, with_nulls(few, lambda i: i != 200)),
    }


def write(name, data, rows, **options):
    table = pa.Table.from_arrays(
        [pa.array(values[:rows], kind) for kind, _, values in data.values()],
        schema=pa.schema(
            [pa.field(column, kind, nullable=null) for column, (kind, null, _) in data.items()]
        ),
    )
    pq.write_table(table, FOLDER / name, store_schema=False, write_page_checksum=True, **options)
    sums = {}
    for column, (_, _, values) in data.items():
        some = [value for value in values[:rows] if value is not None]
        sums[column] = {"total": str(sum(some)), "rows": rows, "nonNull": len(some)}
    return sums


def main():
    rng = random.Random(20)
    data = columns(rng)
    golden = {}
    layouts = itertools.product(("plain", "delta", "dictionary"), ("1.0", "2.0"), ("none", "snappy"))
    for encoding, version, codec in layouts:
        options = {
            "data_page_version": version,
            "compression": codec,
            "use_dictionary": encoding == "dictionary",
            # Pages of different numbers of values, and row groups that end in the middle of one.
            "data_page_size": rng.choice((200, 700, 5000)),
            "write_batch_size": rng.choice((32, 65, 128)),
            "row_group_size": rng.choice((100, ROWS)),
            "write_statistics": rng.random() < 0.5,
        }
        if encoding != "dictionary":
            coded = "PLAIN" if encoding == "plain" else "DELTA_BINARY_PACKED"
            options["column_encoding"] = {column: coded for column in data}
        name = f"{encoding}-{version[0]}-{codec}.parquet"
        golden[name] = write(name, data, ROWS, **options)
        # A block of deltas has 128 values after the first: one more, one fewer, and next to none.
        if codec == "none" and encoding == "delta":
            for rows in (0, 1, 2, 128, 129, 130):
                few = {column: data[column] for column in ("wide", "wide32", "few")}
                name = f"{encoding}-{version[0]}-{rows}-rows.parquet"
                golden[name] = write(name, few, rows, **{**options, "column_encoding": coded})
    (FOLDER / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
