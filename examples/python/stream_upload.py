"""Uploads a CSV file of any size in pieces: python3 stream_upload.py <file.csv>"""

import os
import sys

import grpc
from tally.v1 import table_service_pb2, table_service_pb2_grpc

PIECE_BYTES = 60 * 1024

if len(sys.argv) != 2:
    sys.exit("usage: python3 stream_upload.py <file.csv>")


def requests(path):
    """The pieces, and at the end the size: what comes of a call that breaks off is never kept."""
    request = table_service_pb2.UploadRequest
    yield request(csv_bytes_total_follows=True)
    total = 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            total += len(piece)
            yield request(csv_data=piece)
    yield request(csv_bytes_total=total)


channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_service_pb2_grpc.TableServiceStub(channel)
resp = stub.Upload(requests(sys.argv[1]))
print(resp.error or f"success: {resp.rows} rows, {resp.csv_bytes} bytes")
