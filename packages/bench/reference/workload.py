"""The assignment's workload: 8 tasks, each on its own connection, 100 random requests each.

    PYTHONPATH=packages/stubs/python python3 packages/bench/reference/workload.py --port 5440

SetNum and Fact at even odds, 100 keys, values 1 to 15. Prints the latencies in milliseconds as
JSON: a list for each round, in which the first one has the first requests of every connection.
"""

import argparse
import json
import random
import sys
import threading
import time

import grpc
import numstore_pb2
import numstore_pb2_grpc


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--requests", type=int, default=100, help="of each task, in each round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same requests")
    return parser.parse_args()


class Task:
    def __init__(self, index, args):
        # Channels to one address otherwise share one TCP connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{args.port}", options)
        self.stub = numstore_pb2_grpc.NumStoreStub(self.channel)
        self.random = random.Random(args.seed * args.tasks + index)
        self.requests = args.requests
        self.failure = None

    def run(self, barrier, latencies):
        barrier.wait()
        try:
            latencies.extend([self.request() for _ in range(self.requests)])
        except grpc.RpcError as error:
            self.failure = error

    def request(self):
        key = f"key{self.random.randrange(100)}"
        is_set = self.random.random() < 0.5
        value = self.random.randint(1, 15)
        start = time.perf_counter()
        if is_set:
            self.stub.SetNum(numstore_pb2.SetNumRequest(key=key, value=value))
        else:
            self.stub.Fact(numstore_pb2.FactRequest(key=key))
        return (time.perf_counter() - start) * 1000


def run_round(tasks):
    barrier = threading.Barrier(len(tasks))
    latencies = [[] for _ in tasks]
    threads = [
        threading.Thread(target=task.run, args=(barrier, own))
        for task, own in zip(tasks, latencies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for task in tasks:
        if task.failure is not None:
            sys.exit(f"a request failed: {task.failure}")
    return [ms for own in latencies for ms in own]


def main():
    args = parse_args()
    tasks = [Task(index, args) for index in range(args.tasks)]
    print(json.dumps([run_round(tasks) for _ in range(args.rounds)]))


if __name__ == "__main__":
    main()
