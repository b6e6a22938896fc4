"""Sums one column over the server's Parquet files: python3 parquetsum.py <column>"""

import os
import sys
import time

import grpc
import table_pb2
import table_pb2_grpc

if len(sys.argv) != 2:
    sys.exit("usage: python3 parquetsum.py <column>")

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_pb2_grpc.TableStub(channel)
start = time.perf_counter()
resp = stub.ColSum(table_pb2.ColSumReq(column=sys.argv[1], format="parquet"))
print(f"{(time.perf_counter() - start) * 1000:.1f} ms")
print(resp.error or resp.total)
