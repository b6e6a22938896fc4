"""Runs every client here against a server that was started empty, and says what was wrong.

    PYTHONPATH=packages/stubs/python python3 examples/python/check.py 127.0.0.1:5440
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from datetime import date, datetime, timezone
from pathlib import Path

import grpc
import numstore_pb2
import numstore_pb2_grpc
import polars as pl
import pyarrow as pa
import table_pb2
import table_pb2_grpc
from tally.v1 import table_service_pb2, table_service_pb2_grpc

HERE = Path(__file__).parent
checks = 0


def check(what, got, wanted):
    global checks
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")
    checks += 1


def check_error(what, text):
    """An error is a sentence: words, not a number and not `success`."""
    check(f"{what} is an error in words ({text!r})", text != "success" and " " in text, True)


def run(script, *args):
    done = subprocess.run(
        [sys.executable, HERE / script, *args],
        env={**os.environ, "TALLY_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=300,
    )
    check(f"exit code of {script} ({done.stderr.strip()})", done.returncode, 0)
    return done.stdout.splitlines()


def upload(data, script="upload.py"):
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(data)
        file.flush()
        (answer,) = run(script, file.name)
    return answer


def column_sum(file_format, column):
    time, total = run(f"{file_format}sum.py", column)
    check(f"{time!r} is a time", bool(re.fullmatch(r"\d+\.\d ms", time)), True)
    return total


def check_sums(sums):
    for column, total in sums.items():
        for file_format in ("csv", "parquet"):
            check(f"{file_format}sum.py {column}", column_sum(file_format, column), str(total))


def check_numbers():
    check("numstore_demo.py", run("numstore_demo.py"), ["1", "11", "15", "5", "120"])
    stub = numstore_pb2_grpc.NumStoreStub(channel)

    def fact(key):
        return stub.Fact(numstore_pb2.FactRequest(key=key))

    check_error("Fact of an unknown key", fact("nobody set this").error)
    for value in (-1, 21):
        stub.SetNum(numstore_pb2.SetNumRequest(key="C", value=value))
        check_error(f"Fact of {value}", fact("C").error)
    try:
        stub.SetNum(numstore_pb2.SetNumRequest(key="", value=1))
        check("SetNum of an empty key", "accepted", "refused")
    except grpc.RpcError as error:
        check("SetNum of an empty key", error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        check_error("SetNum of an empty key", error.details())
    check("Fact after errors", (fact("A").value, fact("A").hit), (120, True))


def check_workload():
    lines = run("client.py", address.rpartition(":")[2])
    labels = [line.partition(":")[0] for line in lines]
    wanted = ["cache hit rate", "p50 response time", "p99 response time"]
    check("client.py prints", labels, wanted)


def check_tables():
    for file in ("file1.csv", "file2.csv"):
        check(f"upload.py {file}", run("upload.py", HERE / file), ["success"])
    sums = {"x": 10, "z": 9, "w": 0}
    check_sums(sums)

    check_error("an upload with a ragged row", upload(b"x,z\n1,2\n3\n"))
    check_error("an empty upload", upload(b""))
    check("an upload of text", upload(b"word\nhello\n"), "success")
    for file_format in ("csv", "parquet"):
        check_error(f"{file_format}sum.py of text", column_sum(file_format, "word"))
    stub = table_pb2_grpc.TableStub(channel)
    unknown = stub.ColSum(table_pb2.ColSumReq(column="x", format="xlsx"))
    check_error("a sum in an unknown format", unknown.error)
    check_sums(sums)

    lines = run("bigdata.py", "--batches", "2")
    check("bigdata.py", lines[-2:], ["added to x: 500000", "added to z: 499750000"])
    check_sums({"x": 500010, "z": 499750009})


def check_streams():
    rows = b"1,some text\n" * 500_000
    for data, answer in (
        (b"streamed,note\n" + rows, f"success: 500000 rows, {14 + len(rows)} bytes"),
        (b"streamed\n2", "success: 1 rows, 10 bytes"),
    ):
        check("stream_upload.py", upload(data, "stream_upload.py"), answer)
    check_sums({"streamed": 500_002})
    for data in (b"", b"x,z\n1,2\n3\n", b"x\n\xff\n"):
        check("the answer to a stream", upload(data, "stream_upload.py"), upload(data))
    check_sums({"streamed": 500_002})


def check_retries():
    check("safe_upload.py", upload(b"safe\n1\n", "safe_upload.py"), "success")
    check_sums({"safe": 1})

    def twice(what, method, request):
        """Calls twice with one key: both answers are the same, and the second says that it is."""
        answers = []
        for is_replay in (False, True):
            metadata = (("tally-idempotency-key", f"check {what}".replace(" ", "-")),)
            answer, call = method.with_call(request(), metadata=metadata)
            answers.append(answer)
            replay = dict(call.trailing_metadata()).get("tally-idempotent-replay")
            check(f"the second {what} says that it is a replay", replay == "true", is_replay)
        check(f"the answers to two {what}s with one key", answers[0], answers[1])

    table = table_pb2_grpc.TableStub(channel)
    twice("upload", table.Upload, lambda: table_pb2.UploadReq(csv_data=b"safe\n10\n"))
    stream = table_service_pb2_grpc.TableServiceStub(channel)
    message = table_service_pb2.UploadRequest
    twice("stream", stream.Upload, lambda: iter([message(csv_data=b"safe\n100\n")]))
    for _ in range(2):
        answer = stream.Upload(iter([message(csv_data=b"safe\n1000\n", idempotency_key="field")]))
        check("the rows of a stream with a key in its message", answer.rows, 1)
    check_sums({"safe": 1111})
    other = stream.Upload(iter([message(csv_data=b"safe\n7\n", idempotency_key="field")]))
    check_error("another file with the same key", other.error)

    numbers = numstore_pb2_grpc.NumStoreStub(channel)
    twice("set", numbers.SetNum, lambda: numstore_pb2.SetNumRequest(key="safe", value=5))


def check_exports():
    stub = table_service_pb2_grpc.TableServiceStub(channel)
    stub.CreateTable(table_service_pb2.CreateTableRequest(table="exported"))
    head = "n,d,b,day,at,t,mixed\n"
    for rows in (
        '1,0.5,true,2024-02-29,2024-02-29T12:00:00.000001Z,"é, 🎉",007\n,,,,,"",\n',
        ",,,,,,text\n" * 3,
    ):
        csv_data = (head + rows).encode()
        message = table_service_pb2.UploadRequest(csv_data=csv_data, table="exported")
        check("an upload to export", stub.Upload(iter([message])).error, "")

    def export(*columns):
        request = table_service_pb2.ExportRequest(table="exported", columns=columns)
        return b"".join(response.arrow_ipc for response in stub.Export(request))

    at = datetime(2024, 2, 29, 12, microsecond=1, tzinfo=timezone.utc)
    nulls = [None] * 4
    wanted = {
        "n": [1, *nulls],
        "d": [0.5, *nulls],
        "b": [True, *nulls],
        "day": [date(2024, 2, 29), *nulls],
        "at": [at, *nulls],
        "t": ["é, 🎉", "", None, None, None],
        "mixed": ["007", None, "text", "text", "text"],
    }
    with pa.ipc.open_stream(export()) as reader:
        table = reader.read_all()
    table.validate(full=True)
    check("an export in pyarrow", table.to_pydict(), wanted)
    types = ["int64", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]", "string", "string"]
    check("the types in pyarrow", [str(column.type) for column in table.schema], types)
    frame = pl.read_ipc_stream(io.BytesIO(export()))
    check("an export in polars", frame.to_dict(as_series=False), wanted)
    lines = run("export_to_polars.py", "exported", "b", "mixed")
    check("export_to_polars.py prints", lines[0], "shape: (5, 2)")


if len(sys.argv) != 2:
    sys.exit("usage: python3 check.py <host:port>")
address = sys.argv[1]
channel = grpc.insecure_channel(address)
check_numbers()
check_workload()
check_tables()
check_streams()
check_retries()
check_exports()
print(f"{checks} checks of the Python clients passed")
