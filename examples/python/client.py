"""Sends 8 × 100 random requests to a port and prints what they met: python3 client.py <port>"""

import random
import sys
import threading
import time

import grpc
import numpy as np
import numstore_pb2
import numstore_pb2_grpc

THREADS = 8
REQUESTS_PER_THREAD = 100
KEYS = [f"key{i}" for i in range(100)]

lock = threading.Lock()
seconds = []
hits = 0
misses = 0


def send_requests(stub):
    global hits, misses
    for _ in range(REQUESTS_PER_THREAD):
        key = random.choice(KEYS)
        fact = None
        start = time.perf_counter()
        if random.random() < 0.5:
            stub.SetNum(numstore_pb2.SetNumRequest(key=key, value=random.randint(1, 15)))
        else:
            fact = stub.Fact(numstore_pb2.FactRequest(key=key))
        elapsed = time.perf_counter() - start
        with lock:
            seconds.append(elapsed)
            # A key that nobody has set yet has no factorial to find in the cache.
            if fact is not None and not fact.error:
                hits += fact.hit
                misses += not fact.hit


if len(sys.argv) != 2:
    sys.exit("usage: python3 client.py <port>")

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
grpc.channel_ready_future(channel).result(timeout=10)
stub = numstore_pb2_grpc.NumStoreStub(channel)
threads = [threading.Thread(target=send_requests, args=(stub,)) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if len(seconds) != THREADS * REQUESTS_PER_THREAD:
    sys.exit(f"only {len(seconds)} of {THREADS * REQUESTS_PER_THREAD} requests were answered")

p50, p99 = np.percentile(seconds, [50, 99]) * 1000
print(f"cache hit rate: {hits / max(1, hits + misses):.1%} ({hits} of {hits + misses} factorials)")
print(f"p50 response time: {p50:.2f} ms")
print(f"p99 response time: {p99:.2f} ms")
