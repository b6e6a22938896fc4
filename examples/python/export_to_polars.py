"""Loads a table, or some columns of it, into polars: python3 export_to_polars.py <table> [<column>...]"""

import io
import os
import sys

import grpc
import polars as pl
from tally.v1 import table_service_pb2, table_service_pb2_grpc

if len(sys.argv) < 2:
    sys.exit("usage: python3 export_to_polars.py <table> [<column>...]")

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_service_pb2_grpc.TableServiceStub(channel)
request = table_service_pb2.ExportRequest(table=sys.argv[1], columns=sys.argv[2:])
try:
    stream = b"".join(response.arrow_ipc for response in stub.Export(request))
except grpc.RpcError as error:
    sys.exit(error.details())
frame = pl.read_ipc_stream(io.BytesIO(stream))
print(frame)
print(frame.describe())
