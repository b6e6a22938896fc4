"""polars as a peer. Its number of threads is the process's: POLARS_MAX_THREADS."""

import sys

import polars
from peer import serve, wanted_types

TYPES = {
    "int64": polars.Int64,
    "int32": polars.Int32,
    "double": polars.Float64,
    "string": polars.String,
}

# Chosen in the short trial that the README describes; others were slower there, or level.
LAYOUTS = {
    "lz4": {"compression": "lz4"},
    "uncompressed": {"compression": "uncompressed"},
}


class Engine:
    def describe(self):
        return {
            "name": "polars",
            "version": polars.__version__,
            "layouts": list(LAYOUTS),
            "parquetSettings": ["streaming", "in-memory"],
            "csvSettings": ["streaming", "in-memory"],
            "convertSettings": ["lz4", "uncompressed"],
        }

    def write_parquet(self, files, schema, layout, to):
        types = wanted_types(schema, narrow=False)
        scan(files, types).sink_parquet(to, **LAYOUTS[layout])

    def sum_parquet(self, request, threads):
        return total(polars.scan_parquet(request["files"]), request)

    def sum_csv(self, request, threads):
        types = wanted_types(request["schema"], narrow=False)
        return total(scan(request["files"], types), request)

    def convert(self, file, schema, setting, to):
        self.write_parquet([file], schema, setting, to)


def scan(files, types):
    return polars.scan_csv(files, schema={name: TYPES[type] for name, type in types.items()})


def total(frame, request):
    return frame.select(polars.col(request["column"]).sum()).collect(engine=request["setting"]).item()


if __name__ == "__main__":
    serve(Engine(), int(sys.argv[1]))
