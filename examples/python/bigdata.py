"""Uploads 100 million rows in 400 batches, for sums that are known beforehand.

x is 1 everywhere, y is random, z is batch * 1000 + row % 1000: over all 400 batches of 250,000
rows x sums to 100,000,000 and z to 19,999,950,000,000.
"""

import argparse
import os
import sys

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.csv
import table_pb2
import table_pb2_grpc


def z_of(batch, rows):
    return batch * 1000 + np.arange(rows) % 1000


def csv_of(batch, rows):
    y = np.random.default_rng(batch).permutation(rows)
    table = pa.table({"x": np.ones(rows, dtype=np.int64), "y": y, "z": z_of(batch, rows)})
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(include_header=False))
    return b"x,y,z\n" + sink.getvalue().to_pybytes()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--batches", type=int, default=400)
parser.add_argument("--rows", type=int, default=250_000, help="rows of each batch")
args = parser.parse_args()

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_pb2_grpc.TableStub(channel)
for batch in range(args.batches):
    resp = stub.Upload(table_pb2.UploadReq(csv_data=csv_of(batch, args.rows)))
    if resp.error:
        sys.exit(f"batch {batch}: {resp.error}")
    print(f"\r{batch + 1} of {args.batches} batches", end="", flush=True)
print()
print(f"added to x: {args.batches * args.rows}")
print(f"added to z: {sum(int(z_of(batch, args.rows).sum()) for batch in range(args.batches))}")
