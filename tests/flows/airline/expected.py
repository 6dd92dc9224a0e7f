#!/usr/bin/env python3
"""Recomputes expected.yaml: what the airline's pipeline must give, worked out by DuckDB from the same files.

The statements are those of pipeline.yaml, so the question is the same and the engine is another; the queries below ask
the result in ways that a wrong cast, join or check would change. Needs the packages duckdb and pyyaml.

    python3 tests/flows/airline/expected.py            rewrites expected.yaml
    python3 tests/flows/airline/expected.py --check    exits 1 if it would change
"""

import io
import pathlib
import sys
import tempfile
import zipfile

import duckdb
import yaml

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parents[2] / "examples" / "airline"
EXPECTED = HERE / "expected.yaml"

HEAD = """\
# Written by expected.py, which asks DuckDB; do not edit.
# tables: rows of each table. queries: statements whose rows must come in this order. services: rows of a call's answer.
# exports: rows of each file, from the home. Numbers with a point have 9 digits: compare them with a tolerance of 1e-8.
"""

# Type names of `columns`, as DuckDB calls them.
TYPES = {
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "float32": "FLOAT", "float64": "DOUBLE",
    "boolean": "BOOLEAN", "string": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMPTZ", "timestamp_local": "TIMESTAMP",
}

QUERIES = [
    "SELECT sum(dep_time), sum(arr_time), sum(dep_delay), sum(arr_delay), sum(air_time), sum(distance) FROM lake.ods.flights",
    "SELECT count(DISTINCT tailnum), count(DISTINCT carrier), count(DISTINCT dest), min(tailnum), max(tailnum) "
    "FROM lake.ods.flights",
    "SELECT sum(alt), count(tzone), sum(lat), min(name) FROM lake.ods.airports",
    "SELECT carrier, name FROM lake.ods.airlines ORDER BY carrier",
    "SELECT sum(seats), sum(year), count(speed), count(DISTINCT model) FROM lake.ods.planes",
    "SELECT sum(temp), sum(precip), count(wind_gust), max(wind_speed) FROM lake.ods.weather",
    "SELECT sum(dep_delay_minutes), sum(arr_delay_minutes), sum(distance_miles), "
    "sum(CASE WHEN cancelled THEN 1 ELSE 0 END), sum(CASE WHEN diverted THEN 1 ELSE 0 END) FROM lake.dwd.flights",
    "SELECT CAST(min(flight_date) AS VARCHAR) AS first, CAST(max(flight_date) AS VARCHAR) AS last, "
    "min(arrived_local), max(arrived_local) FROM lake.dwd.flights",
    # Instants: the hour of departure in UTC, which a wrong zone or interval would move.
    "SELECT CAST(extract(hour FROM departed) AS INT) AS hour, count(*) AS flights FROM lake.dwd.flights "
    "WHERE departed IS NOT NULL GROUP BY 1 ORDER BY 1",
    "SELECT origin, dest, arrived_local, dep_delay_minutes, arr_delay_minutes, air_minutes, cancelled, diverted "
    "FROM lake.dwd.flights WHERE flight_date = DATE '2013-01-01' AND carrier = 'UA' AND flight = 1545",
    "SELECT count(*), sum(seats), min(built_year) FROM lake.dwd.planes",
    "SELECT max(wind_mph), sum(rain_inches) FROM lake.dwd.weather",
    "SELECT sum(flights), sum(cancelled), sum(diverted), sum(departed_late), sum(arrived_late), sum(dep_delay_minutes), "
    "sum(arr_delay_minutes) FROM lake.dws.daily_carrier_delays",
    "SELECT origin, dest, dest_name, distance_miles, flights, cancelled, arrived_late, arr_delay_minutes_mean, air_minutes_mean "
    "FROM lake.dws.route_delays ORDER BY flights DESC, origin, dest LIMIT 5",
    "SELECT conditions, flights, cancelled, departed_late, dep_delay_minutes FROM lake.dws.weather_delays ORDER BY conditions",
    "SELECT carrier, airline, flights, cancelled, arrived_late, late_share, arr_delay_minutes_mean "
    "FROM lake.ads.airline_punctuality ORDER BY carrier",
    "SELECT CAST(flight_date AS VARCHAR) AS day, flights, cancelled, departed_late, troubled_share FROM lake.ads.worst_days "
    "ORDER BY troubled_share DESC, flight_date",
]

SERVICES = {
    "/services/delays?carrier=UA&from=2013-02-01&to=2013-02-28":
        "SELECT count(*) FROM lake.dws.daily_carrier_delays WHERE carrier = 'UA' "
        "AND flight_date BETWEEN DATE '2013-02-01' AND DATE '2013-02-28'",
    "/services/flight?date=2013-01-01&carrier=UA&flight=1545":
        "SELECT count(*) FROM lake.dwd.flights WHERE flight_date = DATE '2013-01-01' AND carrier = 'UA' AND flight = 1545",
    "/services/flight?date=2013-01-01&carrier=UA&flight=1":
        "SELECT count(*) FROM lake.dwd.flights WHERE flight_date = DATE '2013-01-01' AND carrier = 'UA' AND flight = 1",
}


def main():
    documents = list(yaml.safe_load_all((EXAMPLE / "pipeline.yaml").read_text()))
    steps = documents[0]["spec"]["steps"]
    database = duckdb.connect()
    database.execute("ATTACH ':memory:' AS lake; SET TimeZone = 'UTC'; SET threads = 1")
    for layer in ("ods", "dwd", "dws", "ads"):
        database.execute(f"CREATE SCHEMA lake.{layer}")
    tables, exports = {}, {}
    for step in steps:
        if "collect" in step:
            collect(database, step["collect"])
            tables[step["collect"]["into"]] = None
        elif "sql" in step:
            quarantined = transform(database, step["sql"])
            tables[step["sql"]["into"]] = None
            if quarantined is not None:
                tables[step["sql"]["into"] + "__quarantine"] = quarantined
        elif "publish" in step:
            publish = step["publish"]
            exports["example/exports/" + publish["file"]] = scalar(database, f"SELECT count(*) FROM {publish['table']}")
    for table, rows in tables.items():
        tables[table] = rows if rows is not None else scalar(database, f"SELECT count(*) FROM {table}")
    expected = {
        "tables": {table: rows for table, rows in tables.items() if rows},
        "queries": [{"sql": sql, "rows": [plain(row) for row in database.execute(sql).fetchall()]} for sql in QUERIES],
        "services": {call: scalar(database, sql) for call, sql in SERVICES.items()},
        "exports": exports,
    }
    text = HEAD + yaml.dump(expected, Dumper=Flat, sort_keys=False, allow_unicode=True, width=10_000)
    if sys.argv[1:] == ["--check"]:
        if EXPECTED.read_text() != text:
            sys.exit("tests/flows/airline/expected.yaml is stale: run expected.py without --check and look at the difference")
        return
    EXPECTED.write_text(text)


def collect(database, spec):
    """Loads one table as the collect step would, from the file it names or the CSV behind the SQLite table."""
    if "files" in spec:
        path = next((EXAMPLE / "data").glob(spec["files"]))
        text = path.read_bytes()
        if path.suffix == ".zip":
            archive = zipfile.ZipFile(io.BytesIO(text))
            text = archive.read(archive.namelist()[0])
        columns = {name: TYPES[kind] for name, kind in spec["columns"].items()}
        nulls = spec["csv"]["nulls"]
    else:
        table = spec["table"].removeprefix("main.")
        text = (EXAMPLE / "business" / f"{table}.csv").read_bytes()
        columns = schema(table)
        nulls = ["NA"]
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(text)
        file.flush()
        database.execute(
            f"CREATE TABLE {spec['into']} AS SELECT * "
            f"FROM read_csv('{file.name}', header = true, columns = {columns}, nullstr = {nulls})")


def schema(table):
    """Columns of a table in business/schema.sql."""
    statements = (EXAMPLE / "business" / "schema.sql").read_text().split(";")
    body = next(s for s in statements if f"CREATE TABLE {table} (" in s).split("(", 1)[1]
    words = [line.split() for line in body.splitlines() if line.startswith("  ") and "(" not in line]
    kinds = {"TEXT": "VARCHAR", "INTEGER": "BIGINT", "REAL": "DOUBLE"}
    return {name: kinds[kind.rstrip(",")] for name, kind, *_ in words}


def transform(database, spec):
    """Runs a sql step; the number of rows that its checks put into quarantine, None if it has no such check."""
    database.execute(f"CREATE OR REPLACE TEMP TABLE result AS {spec['query']}")
    kept = []
    for check in spec.get("checks", []):
        holds = rule(check)
        if check["on_failure"] == "quarantine":
            kept.append(f"({holds})")
            continue
        failed = (duplicates(database, check["unique"]) if holds is None
                  else scalar(database, f"SELECT count(*) FROM result WHERE NOT ({holds})"))
        if failed and check["on_failure"] == "stop":
            sys.exit(f"{spec['into']}: the check {check['name']} would stop the run: {failed} rows")
    where = " AND ".join(kept) or "true"
    quarantined = scalar(database, f"SELECT count(*) FROM result WHERE NOT ({where})")
    database.execute(f"CREATE OR REPLACE TABLE {spec['into']} AS SELECT * FROM result WHERE {where}")
    return quarantined if kept else None


def rule(check):
    """A check as an expression that is true or false, never NULL: a NULL passes all checks but not_null."""
    if "sql" in check:
        expression = check["sql"]
    elif "range" in check:
        bounds = check["range"]
        expression = f"{bounds['column']} BETWEEN {bounds['min']} AND {bounds['max']}"
    elif "regex" in check:
        expression = f"regexp_matches({check['regex']['column']}, '{check['regex']['pattern']}')"
    elif "accepted_values" in check:
        values = ", ".join(f"'{value}'" for value in check["accepted_values"]["values"])
        expression = f"{check['accepted_values']['column']} IN ({values})"
    elif "not_null" in check:
        return " AND ".join(f"{column} IS NOT NULL" for column in check["not_null"])
    else:
        return None
    return f"coalesce({expression}, true)"


def duplicates(database, columns):
    keys = ", ".join(columns)
    return scalar(database, f"SELECT count(*) FROM (SELECT {keys} FROM result GROUP BY {keys} HAVING count(*) > 1)")


def scalar(database, sql):
    return database.execute(sql).fetchone()[0]


def plain(row):
    """A row with its floats cut to the 9 digits that are compared: the order of a sum is the engine's own."""
    return [float(f"{value:.9g}") if isinstance(value, float) else value for value in row]


class Flat(yaml.SafeDumper):
    """Rows on one line each, so that a difference is read at a glance."""


Flat.add_representer(list, lambda dumper, row: dumper.represent_sequence(
    "tag:yaml.org,2002:seq", row, flow_style=not any(isinstance(item, (list, dict)) for item in row)))


if __name__ == "__main__":
    main()
