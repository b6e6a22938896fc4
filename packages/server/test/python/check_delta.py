"""Opens a table of Tally with delta-rs and compares it with the CSV files that were uploaded.

Usage: python check_delta.py <data-dir>

Needs deltalake==1.6.6 and pyarrow. Prints the rows and the sum of each integer column, then lets
delta-rs vacuum the table, without any retention, and compares once more. Exits with 1, and a line
for each difference, if delta-rs and Python's csv module disagree. No server may run meanwhile.

Python's csv module does not tell an empty text ("") from no value, so tables with empty texts in
columns of integers cannot be checked here.
"""

import csv
import os
import re
import sys
from pathlib import Path

from deltalake import DeltaTable

INTEGER = re.compile(r"[ \t]*[+-]?[0-9]+[ \t]*")
INT64 = range(-(2**63), 2**63)


def column_names(header):
    """The names to clients: an empty one becomes column_<n>."""
    taken = set(header)
    names = []
    for number, name in enumerate(header, start=1):
        if name == "":
            name = f"column_{number}"
            while name in taken:
                name += "_"
            taken.add(name)
        names.append(name)
    return names


def integer(text):
    """The value of a field, or None if it is no integer within int64."""
    if not INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if value in INT64 else None


def read_csv(path):
    """The rows of one file, and the sum of each column of it that holds integers only."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        records = list(csv.reader(file))
    while records and not records[0]:
        del records[0]
    names = column_names(records[0])
    if len(names) == 1:
        rows = [record or [""] for record in records[1:]]
    else:
        rows = [record for record in records[1:] if record]
    sums = {}
    for index, name in enumerate(names):
        values = [integer(row[index]) for row in rows if row[index] != ""]
        if values and None not in values:
            sums[name] = sum(values)
    return len(rows), sums


def read_csv_files(folder):
    rows, sums = 0, {}
    for path in sorted(folder.glob("*.csv")):
        file_rows, file_sums = read_csv(path)
        rows += file_rows
        for name, value in file_sums.items():
            sums[name] = sums.get(name, 0) + value
    return rows, sums


def read_delta(folder):
    table = DeltaTable(folder)
    data = table.to_pyarrow_table()
    sums = {}
    for field in table.schema().fields:
        if field.type.type != "long":
            continue
        values = data.column(field.name).to_pylist()
        sums[field.metadata["tally.column"]] = sum(v for v in values if v is not None)
    return data.num_rows, sums


def differences(expected, found):
    (csv_rows, csv_sums), (delta_rows, delta_sums) = expected, found
    if csv_rows != delta_rows:
        yield f"rows: {csv_rows} in CSV, {delta_rows} in Delta"
    for name in sorted(csv_sums.keys() | delta_sums.keys()):
        if csv_sums.get(name) != delta_sums.get(name):
            yield f"{name!r}: {csv_sums.get(name)} in CSV, {delta_sums.get(name)} in Delta"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    table = Path(sys.argv[1]) / "tables" / "default"
    # Fields may be as long as the server allows.
    csv.field_size_limit(2**30)

    expected = read_csv_files(table / "csv")
    found = read_delta(table / "delta")
    print(f"{found[0]} rows")
    for name, value in found[1].items():
        print(f"{name!r}: {value}")
    failures = list(differences(expected, found))

    # "Full" is what other engines do: it removes every file that the log does not know.
    removed = DeltaTable(table / "delta").vacuum(
        retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True
    )
    print(f"vacuum removed {removed}")
    after = differences(expected, read_delta(table / "delta"))
    failures += [f"after vacuum: {line}" for line in after]

    for failure in failures:
        print(failure, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of pyarrow or delta-rs often abort the process when Python ends.
    os._exit(1 if failures else 0)


if __name__ == "__main__":
    main()
