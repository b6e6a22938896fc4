"""Reads CSV files with pyarrow: each comes as its length, whether it has one column, its bytes."""

import io
import json
import signal
import struct
import sys

import pyarrow as pa
from pyarrow import csv

COLUMNS_MAX = 5000

read_options = csv.ReadOptions(use_threads=False, autogenerate_column_names=True)
# In a file of one column a blank line is a null.
parse_options = {
    is_single: csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=not is_single)
    for is_single in (False, True)
}
convert_options = csv.ConvertOptions(
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
    null_values=[""],
    column_types={f"f{i}": pa.string() for i in range(COLUMNS_MAX)},
)


def read(data, is_single):
    try:
        table = csv.read_csv(
            io.BytesIO(data),
            read_options=read_options,
            parse_options=parse_options[is_single],
            convert_options=convert_options,
        )
    except pa.ArrowInvalid as error:
        return {"refusal": str(error)}
    return {"columns": [column.to_pylist() for column in table.columns]}


def send(answer):
    body = json.dumps(answer).encode()
    sys.stdout.buffer.write(struct.pack("<I", len(body)) + body)
    sys.stdout.buffer.flush()


# Ctrl-C is for the run, which ends this process.
signal.signal(signal.SIGINT, signal.SIG_IGN)
send({"version": pa.__version__})
while head := sys.stdin.buffer.read(5):
    length, is_single = struct.unpack("<I?", head)
    send(read(sys.stdin.buffer.read(length), is_single))
