"""pyarrow as a peer."""

import sys

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet
from peer import serve, wanted_types

TYPES = {
    "int64": pyarrow.int64(),
    "int32": pyarrow.int32(),
    "double": pyarrow.float64(),
    "string": pyarrow.string(),
}

# Chosen in the short trial that the README describes; others were slower there, or level.
LAYOUTS = {
    "snappy": {"compression": "snappy"},
    "uncompressed": {"compression": "none"},
    "uncompressed plain int32": {"compression": "none", "use_dictionary": False},
}

ROW_GROUP_ROWS = 1_000_000

BLOCK_BYTES = {"1 MiB blocks": 1 << 20, "8 MiB blocks": 8 << 20}


class Engine:
    def describe(self):
        return {
            "name": "pyarrow",
            "version": pyarrow.__version__,
            "layouts": list(LAYOUTS),
            "parquetSettings": ["dataset batches", "memory map"],
            "csvSettings": ["8 MiB blocks", "dataset"],
            "convertSettings": ["1 MiB blocks", "8 MiB blocks"],
        }

    def write_parquet(self, files, schema, layout, to):
        types = wanted_types(schema, "int32" in layout)
        arrow_schema = pyarrow.schema([(name, TYPES[type]) for name, type in types.items()])
        with pyarrow.parquet.ParquetWriter(to, arrow_schema, **LAYOUTS[layout]) as writer:
            held = []
            for file in files:
                held.append(read_csv(file, types, None, 8 << 20))
                if sum(table.num_rows for table in held) >= ROW_GROUP_ROWS:
                    writer.write_table(pyarrow.concat_tables(held), row_group_size=ROW_GROUP_ROWS)
                    held = []
            if held:
                writer.write_table(pyarrow.concat_tables(held), row_group_size=ROW_GROUP_ROWS)

    def sum_parquet(self, request, threads):
        files, column, setting = request["files"], request["column"], request["setting"]
        if setting == "dataset batches":
            dataset = pyarrow.dataset.dataset(files, format="parquet")
            return summed(batch[column] for batch in dataset.to_batches(columns=[column]))
        read = pyarrow.parquet.read_table
        return summed(read(file, columns=[column], memory_map=True)[column] for file in files)

    def sum_csv(self, request, threads):
        files, column, setting = request["files"], request["column"], request["setting"]
        types = wanted_types(request["schema"], narrow=False)
        if setting == "dataset":
            options = pyarrow.csv.ConvertOptions(column_types={column: TYPES[types[column]]})
            form = pyarrow.dataset.CsvFileFormat(convert_options=options)
            dataset = pyarrow.dataset.dataset(files, format=form)
            return summed(batch[column] for batch in dataset.to_batches(columns=[column]))
        size = BLOCK_BYTES[setting]
        return summed(read_csv(file, types, [column], size)[column] for file in files)

    def convert(self, file, schema, setting, to):
        types = wanted_types(schema, narrow=False)
        reader = pyarrow.csv.open_csv(file, **csv_options(types, None, BLOCK_BYTES[setting]))
        with pyarrow.parquet.ParquetWriter(to, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def csv_options(types, columns, block_bytes):
    return {
        "read_options": pyarrow.csv.ReadOptions(block_size=block_bytes),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types={name: TYPES[type] for name, type in types.items()},
            include_columns=columns,
        ),
    }


def read_csv(file, types, columns, block_bytes):
    return pyarrow.csv.read_csv(file, **csv_options(types, columns, block_bytes))


def summed(arrays):
    return sum(pyarrow.compute.sum(array).as_py() or 0 for array in arrays)


if __name__ == "__main__":
    threads = int(sys.argv[1])
    pyarrow.set_cpu_count(threads)
    serve(Engine(), threads)
