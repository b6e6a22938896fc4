"""The assignment's manual test of NumStore, on an empty server: prints 1, 11, 15, 5, 120."""

import os

import grpc
import numstore_pb2
import numstore_pb2_grpc

channel = grpc.insecure_channel(os.environ.get("TALLY_ADDRESS", "127.0.0.1:5440"))
stub = numstore_pb2_grpc.NumStoreStub(channel)

resp = stub.SetNum(numstore_pb2.SetNumRequest(key="A", value=1))
print(resp.total)  # 1
resp = stub.SetNum(numstore_pb2.SetNumRequest(key="B", value=10))
print(resp.total)  # 11
resp = stub.SetNum(numstore_pb2.SetNumRequest(key="A", value=5))
print(resp.total)  # 15
resp = stub.SetNum(numstore_pb2.SetNumRequest(key="B", value=0))
print(resp.total)  # 5

resp = stub.Fact(numstore_pb2.FactRequest(key="A"))
print(resp.value)  # 120
