"""Runs every recipe and compares what it says with the CSV file that was uploaded.

    python3 check.py <folder of the Delta Lake table> <seattle-weather.csv>
"""

import csv
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

folder, file = sys.argv[1:]
groups = defaultdict(list)
with open(file, newline="") as rows:
    for row in csv.DictReader(rows):
        groups[row["weather"]].append(row)
expected = []
for weather, days in sorted(groups.items()):
    warmest = max(float(day["temp_max"]) for day in days)
    wind = sum(float(day["wind"]) for day in days) / len(days)
    expected.append(f"{weather}: {len(days)} days, up to {warmest} °C, wind {wind:.2f} m/s")

recipes = sorted(Path(__file__).parent.glob("*_query.py"))
for recipe in recipes:
    done = subprocess.run([sys.executable, recipe, folder], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or done.stdout.splitlines() != expected:
        sys.exit(f"{recipe.name}: {done.stdout}{done.stderr}\nnot: {expected}")
print(f"{len(recipes)} recipes say what the CSV file says")
