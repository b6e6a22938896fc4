"""NumStore as the assignment has it: a dict, its total, and a cache of factorials."""

import math
import os
import threading
from collections import OrderedDict

import numstore_pb2
import numstore_pb2_grpc
from sync import sync_folder

CACHE_ENTRIES_MAX = 10


class NumStore(numstore_pb2_grpc.NumStoreServicer):
    def __init__(self, data_dir, fsync):
        self.lock = threading.Lock()
        self.values = {}
        self.total = 0
        # LRU: the entry that was used longest ago makes room for a new one.
        self.cache = OrderedDict()
        # The assignment keeps its numbers in memory. The least that makes a reply durable is a
        # log with one line per change, synced before the reply; nothing here reads it again at
        # start or ever shortens it, as a server for real use would have to.
        self.log = None
        if fsync:
            path = os.path.join(data_dir, "numbers.log")
            self.log = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            sync_folder(data_dir)

    def SetNum(self, request, context):
        with self.lock:
            self.total += request.value - self.values.get(request.key, 0)
            self.values[request.key] = request.value
            total = self.total
            # Appended under the lock, so that the lines are in the order of the changes.
            if self.log is not None:
                os.write(self.log, f"{request.value} {request.key}\n".encode())
        if self.log is not None:
            os.fsync(self.log)
        return numstore_pb2.SetNumResponse(total=total)

    def Fact(self, request, context):
        with self.lock:
            n = self.values.get(request.key)
            if n in self.cache:
                self.cache.move_to_end(n)
                return numstore_pb2.FactResponse(value=self.cache[n], hit=True)
        if n is None:
            return numstore_pb2.FactResponse(error=f"There is no number called {request.key}.")
        if not 0 <= n <= 20:
            return numstore_pb2.FactResponse(error=f"The factorial of {n} is not an int64.")
        value = math.factorial(n)
        with self.lock:
            self.cache[n] = value
            self.cache.move_to_end(n)
            if len(self.cache) > CACHE_ENTRIES_MAX:
                self.cache.popitem(last=False)
        return numstore_pb2.FactResponse(value=value, hit=False)
