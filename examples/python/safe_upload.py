"""Uploads one CSV file, as often as it takes, and has it kept once: python3 safe_upload.py <file.csv>"""

import os
import random
import sys
import time
import uuid

import grpc
import table_pb2
import table_pb2_grpc

ATTEMPTS = 8

if len(sys.argv) != 2:
    sys.exit("usage: python3 safe_upload.py <file.csv>")

with open(sys.argv[1], "rb") as file:
    request = table_pb2.UploadReq(csv_data=file.read())

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "localhost:5440"))
stub = table_pb2_grpc.TableStub(channel)
# One key for all attempts: by it the server knows that it is the same upload again.
metadata = (("tally-idempotency-key", str(uuid.uuid4())),)
for attempt in range(ATTEMPTS):
    try:
        resp = stub.Upload(request, metadata=metadata, timeout=300)
        break
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE or attempt == ATTEMPTS - 1:
            sys.exit(f"{error.details()}; tried {attempt + 1} times")
        # Twice as long each time, and not all clients at the same moment.
        time.sleep(min(0.1 * 2**attempt, 5) * random.uniform(0.5, 1))
print(resp.error or "success")
