"""DuckDB as a peer."""

import sys

import duckdb
from peer import serve, wanted_types

TYPES = {"int64": "BIGINT", "int32": "INTEGER", "double": "DOUBLE", "string": "VARCHAR"}

# Chosen in the short trial that the README describes; others were slower there, or level.
LAYOUTS = {
    "V1 snappy": "PARQUET_VERSION V1, COMPRESSION snappy",
    "V1 uncompressed int32": "PARQUET_VERSION V1, COMPRESSION uncompressed",
    "V2 uncompressed": "PARQUET_VERSION V2, COMPRESSION uncompressed",
    "V2 zstd": "PARQUET_VERSION V2, COMPRESSION zstd",
}


class Engine:
    def __init__(self, threads):
        self.connection = duckdb.connect()
        self.connection.execute(f"SET threads={threads}")
        self.connection.execute("SET preserve_insertion_order=false")
        self.connection.execute("SET parquet_metadata_cache=true")

    def describe(self):
        return {
            "name": "DuckDB",
            "version": duckdb.__version__,
            "layouts": list(LAYOUTS),
            "parquetSettings": ["metadata cache"],
            "csvSettings": [""],
            "convertSettings": ["V1 snappy", "V2 uncompressed", "V1 uncompressed int32"],
        }

    def write_parquet(self, files, schema, layout, to):
        source = csv_source(files, wanted_types(schema, "int32" in layout))
        self.connection.execute(f"COPY (FROM {source}) TO '{to}' (FORMAT parquet, {LAYOUTS[layout]})")

    def sum_parquet(self, request, threads):
        return self.total(request["column"], f"read_parquet({quoted_list(request['files'])})")

    def sum_csv(self, request, threads):
        types = wanted_types(request["schema"], narrow=False)
        return self.total(request["column"], csv_source(request["files"], types))

    def aggregate(self, request):
        """Count, nulls, sum, least and greatest of a column, in one query."""
        files, column = request["files"], request["column"]
        if request["format"] == "parquet":
            source = f"read_parquet({quoted_list(files)})"
        else:
            source = csv_source(files, wanted_types(request["schema"], narrow=False))
        return self.connection.execute(
            f'SELECT count("{column}"), count(*) - count("{column}"), sum("{column}"), '
            f'min("{column}"), max("{column}") FROM {source}'
        ).fetchone()

    def total(self, column, source):
        return self.connection.execute(f'SELECT sum("{column}") FROM {source}').fetchone()[0]

    def convert(self, file, schema, setting, to):
        self.write_parquet([file], schema, setting, to)

    def to_csv(self, request):
        """Cuts a Parquet file into CSV files of some rows; answers what their columns hold."""
        query, rows = request["query"], request["rows"]
        self.connection.execute(f"CREATE TEMP TABLE source AS {query}")
        (count,) = self.connection.execute("SELECT count(*) FROM source").fetchone()
        chunks = []
        for number, first in enumerate(range(0, count, rows)):
            part = f"SELECT * FROM source ORDER BY rowid LIMIT {rows} OFFSET {first}"
            file = f"{request['to']}/{number:05}.csv"
            self.connection.execute(f"COPY ({part}) TO '{file}' (FORMAT csv, HEADER)")
            chunks.append(file)
        self.connection.execute("DROP TABLE source")
        return chunks


def csv_source(files, types):
    columns = ", ".join(f"'{name}': '{TYPES[type]}'" for name, type in types.items())
    return (
        f"read_csv({quoted_list(files)}, header=true, auto_detect=false, delim=',', quote='\"', "
        f"escape='\"', columns={{{columns}}})"
    )


def quoted_list(files):
    return "[" + ", ".join(f"'{file}'" for file in files) + "]"


if __name__ == "__main__":
    threads = int(sys.argv[1])
    serve(Engine(threads), threads)
