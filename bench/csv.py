"""CSV into the lake: thirty years of flights in one file, beside DuckDB reading the same file and writing Parquet.

Both know the columns' types beforehand and both write Zstandard at level 1. The product's time is that of a whole process, `dataux run`
from start to end; the peer's is that of its statement alone.
"""

import json
import sys

import duckdb

from bench import data, markdown, measure, product
from bench.measure import Failed

# Rows a second as a share of the peer's, and memory.
RATE_MIN, PEAK_BYTES_MAX = 0.7, 512 << 20

TYPES = {"int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}
# What must be the same in both: a count, and a sum over all rows of a hash of each row.
CONTENT = f"SELECT count(*), sum(hash({', '.join(f'{name}::VARCHAR' for name in data.FLIGHTS)})::HUGEINT) FROM read_parquet(?)"


def main():
    parser = measure.arguments(__doc__)
    parser.add_argument("--copies", type=int, default=30, help="years of flights in the file (%(default)s)")
    parser.add_argument("--rows", type=int, help="only the first rows of one year")
    parser.add_argument("--threads", type=int, default=2, help="threads of each engine (%(default)s)")
    options = parser.parse_args()
    file = data.flights(options.cache, 1 if options.rows else options.copies, options.rows)
    results = measure.Results("csv", options.results, threads=options.threads, rounds=options.rounds, bytes=file.stat().st_size,
                              versions=measure.versions("duckdb", binary=options.binary))
    home = product.Home(options.binary, options.cache / "homes" / "csv", DATAUX_THREADS=str(options.threads))
    written = options.cache / "flights.parquet"
    took, contents = {"dataux": [], "duckdb": []}, {}
    file.read_bytes()  # Both find the file in memory.
    for number, name, (one, content) in measure.alternate(options.rounds, dataux=lambda: ours(home, file),
                                                          duckdb=lambda: peer(file, written, options.threads)):
        took[name].append(one)
        contents.setdefault(name, content)
        if contents.get("dataux", content) != contents.get("duckdb", content):
            raise Failed(f"the contents differ: {contents}")
        rows = content[0]
        results.add("round", round=number, who=name, rows=rows, took=one, rows_per_second=rows / one.wall_seconds)
    written.unlink()
    best = {name: measure.best(all) for name, all in took.items()}
    rate = {name: rows / one.wall_seconds for name, one in best.items()}
    results.add("best", rows=rows, rows_per_second=rate, took={name: vars(one) for name, one in best.items()})
    results.target("rows a second as a share of the peer's", rate["dataux"] / rate["duckdb"], RATE_MIN, at_most=False)
    results.target("peak memory in bytes", max(one.peak_bytes for one in took["dataux"]), PEAK_BYTES_MAX)
    results.save(not options.rows and options.copies == parser.get_default("copies"))


def ours(home, file):
    step = product.collect_step("take", "files", "lake.bench.flights", files=file.name, columns=data.FLIGHTS,
                                csv={"nulls": ["NA", ""]})
    home.make({"kind": "Connection", "name": "files", "spec": {"files": {"location": str(file.parent)}}},
              {"kind": "Pipeline", "name": "flights", "spec": {"steps": [step]}})
    return home.run("flights"), content(home.files("bench", "flights"))


def peer(file, written, threads):
    columns = {name: TYPES[kind] for name, kind in data.FLIGHTS.items()}
    arguments = {"csv": str(file), "columns": columns, "to": str(written), "threads": threads}
    took, said = measure.process([sys.executable, "-m", "bench.peers", "duckdb_csv", json.dumps(arguments)], cwd=measure.ROOT)
    took.wall_seconds = json.loads(said)["wall_seconds"]
    return took, content([str(written)])


def content(files):
    database = duckdb.connect()
    database.execute("SET timezone = 'UTC'")
    return database.execute(CONTENT, [list(files)]).fetchone()


def title(_):
    return "CSV into the lake"


def table(lines):
    best = markdown.of_kind(lines, "best")[0]
    return markdown.table(["", "rows a second", "s", "CPU s", "most memory, MiB"],
                          [[label, markdown.number(best["rows_per_second"][who], 0), markdown.number(one["wall_seconds"]),
                            markdown.number(one["cpu_seconds"]), markdown.mib(one["peak_bytes"])]
                           for who, label in (("dataux", "dataux"), ("duckdb", "DuckDB")) for one in (best["took"][who],)]
                          ) + f"\n{best['rows']:,} rows, {markdown.mib(lines[0]['bytes'])} MiB.\n"


if __name__ == "__main__":
    main()
