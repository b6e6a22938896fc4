"""What Tally is measured against: the two assignments, served as a good student would serve them.

    PYTHONPATH=packages/stubs/python python3 packages/bench/reference/server.py numstore
    PYTHONPATH=packages/stubs/python python3 packages/bench/reference/server.py table

Each assignment is a server of its own, with the worker threads that it asks for: 4 for NumStore,
8 for Table. With --fsync a reply means the same as Tally's: what it acknowledges is on disk.
"""

import argparse
import signal
from concurrent import futures

import grpc


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("service", choices=["numstore", "table"])
    parser.add_argument("--port", type=int, default=5440, help="0 takes a free one")
    parser.add_argument("--data-dir", default=".", help="an existing folder for the files")
    parser.add_argument("--fsync", action="store_true", help="reply only when it is on disk")
    return parser.parse_args()


def numstore_server(args):
    import numstore_pb2_grpc
    from num_store import NumStore

    server = grpc_server(workers=4)
    numstore_pb2_grpc.add_NumStoreServicer_to_server(NumStore(args.data_dir, args.fsync), server)
    return server


# Imported only where it is served: NumStore's memory is measured too, and needs no pyarrow.
def table_server(args):
    import table_pb2_grpc
    from table import Table

    server = grpc_server(workers=8)
    table_pb2_grpc.add_TableServicer_to_server(Table(args.data_dir, args.fsync), server)
    return server


def grpc_server(workers):
    return grpc.server(
        futures.ThreadPoolExecutor(max_workers=workers), options=[("grpc.so_reuseport", 0)]
    )


def main():
    args = parse_args()
    server = table_server(args) if args.service == "table" else numstore_server(args)
    port = server.add_insecure_port(f"127.0.0.1:{args.port}")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=None))
    print(f"serving {args.service} on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
