"""Uploads one CSV file: python3 upload.py <file.csv>"""

import os
import sys

import grpc
import table_pb2
import table_pb2_grpc

if len(sys.argv) != 2:
    sys.exit("usage: python3 upload.py <file.csv>")

with open(sys.argv[1], "rb") as file:
    csv_data = file.read()

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_pb2_grpc.TableStub(channel)
resp = stub.Upload(table_pb2.UploadReq(csv_data=csv_data))
print(resp.error or "success")
