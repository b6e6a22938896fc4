#!/usr/bin/env bash
# Regenerates the Python stubs of every service:
#
#   scripts/python-stubs.sh <python with grpcio-tools 1.66.1> [<out dir>]
#
# Without <out dir> they replace the committed ones in packages/stubs/python.
set -euo pipefail

if [[ $# -lt 1 || $# -gt 2 ]]; then
  echo "usage: scripts/python-stubs.sh <python> [<out dir>]" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$1
out=${2:-$root/packages/stubs/python}

# Another version writes other files, and older runtimes refuse what a newer one wrote.
wanted=1.66.1
found=$("$python" -c 'import importlib.metadata as m; print(m.version("grpcio-tools"))' 2>/dev/null) || found=none
if [[ $found != "$wanted" ]]; then
  echo "$python has grpcio-tools $found, and the stubs are made with $wanted:" \
    "install examples/python/requirements.txt into a virtual environment." >&2
  exit 1
fi

mkdir -p "$out"
"$python" -m grpc_tools.protoc -I="$root/proto" \
  --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
  numstore.proto table.proto tally/v1/admin_service.proto tally/v1/number_service.proto tally/v1/table_service.proto
