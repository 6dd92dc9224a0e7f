"""SQL against DuckDB: every statement of tests/sql/*.sql, on the same Delta tables, must have the same answer in both."""

import datetime
import decimal
import json
import math
import pathlib
import re
import sys

import duckdb
from deltalake import DeltaTable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import ROOT, Scene

# Sums of floats depend on the order of the rows, which neither engine promises.
RELATIVE = 1e-9


def main():
    with Scene("sql") as scene:
        home = scene.folder / "home"
        scene.must("demo", "--home", home, "--once")
        oracle = tables(home)
        for file in sorted((ROOT / "tests" / "sql").glob("*.sql")):
            for statement in statements(file.read_text()):
                done = scene.run("sql", "--home", home, "-c", statement, "--output", "ndjson")
                if not scene.check(f"{file.name}: {statement}", done.returncode == 0, done.stderr):
                    continue
                found = [list(json.loads(line).values()) for line in done.stdout.splitlines()]
                expected = [[plain(value) for value in row] for row in oracle.sql(statement).fetchall()]
                holds = len(found) == len(expected) and all(map(same_row, found, expected))
                scene.check(f"{file.name}: {statement}", holds, difference(found, expected))


def tables(home):
    """DuckDB with the lake's tables, read by another Delta reader."""
    oracle = duckdb.connect()
    oracle.sql("set timezone = 'UTC'")
    for log in sorted(home.glob("lake/*/*/_delta_log")):
        schema, table = log.parts[-3:-1]
        oracle.sql(f"create schema if not exists {schema}")
        rows = DeltaTable(str(log.parent)).to_pyarrow_dataset()
        oracle.register("rows", rows)
        oracle.sql(f"create table {schema}.{table} as select * from rows")
        oracle.unregister("rows")
    return oracle


def statements(text):
    """The statements of a file; each ends with a semicolon at the end of a line."""
    text = re.sub(r"^--.*\n", "", text, flags=re.M)
    return [" ".join(part.split()) for part in re.split(r";\s*\n", text + "\n") if part.strip()]


def plain(value):
    """A DuckDB value as our JSON writes it."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def same_row(found, expected):
    return len(found) == len(expected) and all(map(same, found, expected))


def same(found, expected):
    if found is None or expected is None:
        return found is expected
    if isinstance(expected, datetime.datetime):
        # A timestamp at midnight may be a date on the other side.
        return datetime.datetime.fromisoformat(str(found).replace("Z", "+00:00")).replace(tzinfo=None) == expected
    if isinstance(expected, bool) or isinstance(found, bool):
        return found == expected
    if isinstance(expected, (int, float)):
        return math.isclose(float(found), float(expected), rel_tol=RELATIVE, abs_tol=1e-12)
    if isinstance(found, str) and len(found) > 10 and found[10] == "T" and len(str(expected)) == 10:
        return found.startswith(f"{expected}T00:00:00")
    return found == expected


def difference(found, expected):
    for number, (ours, theirs) in enumerate(zip(found, expected)):
        if not same_row(ours, theirs):
            return f"row {number}: {ours}\n    DuckDB: {theirs}"
    return f"{len(found)} rows\n    DuckDB: {len(expected)} rows"


if __name__ == "__main__":
    main()
