"""What every peer shares: commands as JSON lines on standard input, answers on standard output.

The time of a sum or a conversion is taken here, around the engine's own call: a peer pays neither
for a process start nor for a call over the network.
"""

import json
import sys
import time


def serve(engine, threads):
    """Answers commands until standard input ends; `engine` has the functions that are called."""
    commands = {
        "describe": lambda request: engine.describe(),
        "write": lambda request: write(engine, request),
        "sum": lambda request: timed_sum(engine, request, threads),
        "aggregate": lambda request: timed_aggregate(engine, request),
        "convert": lambda request: convert(engine, request, threads),
        "to_csv": lambda request: {"chunks": engine.to_csv(request)},
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = commands[request["command"]](request)
        except Exception as error:  # The benchmark names the command that failed.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def write(engine, request):
    engine.write_parquet(request["files"], request["schema"], request["layout"], request["to"])
    return {}


def timed_sum(engine, request, threads):
    work = engine.sum_parquet if request["format"] == "parquet" else engine.sum_csv
    start = time.perf_counter()
    total = work(request, threads)
    seconds = time.perf_counter() - start
    # As text: JSON numbers are doubles at the other end.
    return {"seconds": seconds, "total": str(total)}


def timed_aggregate(engine, request):
    start = time.perf_counter()
    values = engine.aggregate(request)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "values": [str(value) for value in values]}


def convert(engine, request, threads):
    start = time.perf_counter()
    engine.convert(request["files"][0], request["schema"], request["setting"], request["to"])
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peakMiB": peak_mib()}


def peak_mib():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def wanted_types(schema, narrow):
    """The type of each column; with `narrow`, int32 where every value fits."""
    return {
        name: "int32" if narrow and column.get("fitsInt32") else column["type"]
        for name, column in schema.items()
    }
