"""TPC-H: the 22 queries over a governed lake, asked over HTTP by a user with grants, beside DuckDB on the same tables.

DuckDB reads the generator's Parquet files, and in its own turn the very files that the lake wrote; what is faster is the peer.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pyarrow

from bench import answers, data, markdown, measure, product
from bench.measure import Failed, Measure, say

ENGINES = ("dataux", "duckdb", "duckdb_lake")
# Wall time as a multiple of the peer's, of all queries and of any one.
RATIO_MAX, QUERY_RATIO_MAX = 1.6, 3.0
# How long a query is asked again and again to find where its time goes.
PROFILE_SECONDS = 5


def main():
    parser = measure.arguments(__doc__)
    parser.add_argument("--scale", type=float, action="append", help="gigabytes of data; may be repeated (default: 1 and 5)")
    parser.add_argument("--query", type=int, action="append", help="only this one; may be repeated")
    parser.add_argument("--threads", type=int, default=2, help="threads of each engine (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="use the lake as an earlier binary has loaded it")
    parser.add_argument("--explain", action="store_true", help="only write both engines' plans into the cache folder")
    parser.add_argument("--profile", action="store_true", help="only write where the server spends its time into the cache folder")
    options = parser.parse_args()
    for scale in options.scale or (1, 5):
        bench(options, scale)


def bench(options, scale):
    source = data.tpch(options.cache, scale)
    chosen = {number: text for number, text in queries(scale).items() if number in (options.query or range(1, 23))}
    results = measure.Results(f"tpch-sf{scale:g}", options.results, scale=scale, threads=options.threads, rounds=options.rounds,
                              versions=measure.versions("duckdb", "tpchgen-cli", binary=options.binary))
    home = product.Home(options.binary, options.cache / "homes" / f"tpch-sf{scale:g}", DATAUX_THREADS=str(options.threads))
    load(home, source, results, options.keep)
    written = {f"tpch.{table}": home.files("tpch", table) for table in data.TPCH_TABLES}
    given = {f"tpch.{table}": [str(source / f"{table}.parquet")] for table in data.TPCH_TABLES}
    token = home.token("bench")
    with product.Server(home) as server, DuckDB(given, options.threads) as duckdb, DuckDB(written, options.threads) as duckdb_lake:
        client = product.Client(server.url, token)
        if options.explain:
            return explain(client, duckdb, chosen, options.cache / "plans")
        if options.profile:
            return profile(server, client, chosen, options.cache / "profiles")
        measure.forget_peak(server.pid)
        for number, statement in chosen.items():
            took, answered = {name: [] for name in ENGINES}, {name: [] for name in ENGINES}
            asked = measure.alternate(options.rounds, dataux=lambda: ask(server, client, statement),
                                      duckdb=lambda: duckdb.ask(statement), duckdb_lake=lambda: duckdb_lake.ask(statement))
            for _, name, (one, answer) in asked:
                took[name].append(one)
                answered[name].append(answer)
            for answer in answered["dataux"]:
                if wrong := answers.difference(statement, answer, answered["duckdb"][0]):
                    raise Failed(f"query {number} has another answer than DuckDB's: {wrong}")
            quickest = {name: measure.best(all) for name, all in took.items()}
            results.add("query", query=number, rows=answered["duckdb"][0].num_rows,
                        wall_seconds={name: one.wall_seconds for name, one in quickest.items()},
                        cpu_seconds={name: one.cpu_seconds for name, one in quickest.items()})
        peaks = {"dataux": server.pid, "duckdb": duckdb.pid, "duckdb_lake": duckdb_lake.pid}
        peaks = {name: measure.resident_bytes([pid], "VmHWM") for name, pid in peaks.items()}
    conclude(results, peaks)
    results.save(not options.query)


def queries(scale):
    """The statements by number."""
    text = (pathlib.Path(__file__).parent / "tpch.sql").read_text().replace(":fraction", f"{0.0001 / scale:.10f}")
    parts = re.split(r"^-- (\d+): .*\n", text, flags=re.MULTILINE)[1:]
    return {int(number): statement.strip().removesuffix(";") for number, statement in zip(parts[::2], parts[1::2])}


def load(home, source, results, keep):
    """Loads the tables into the lake, unless this very binary has done that before."""
    marker = home.path / "loaded.json"
    by = {"bytes": home.binary.stat().st_size, "written": home.binary.stat().st_mtime}
    if marker.exists():
        loaded = json.loads(marker.read_text())
        if keep or loaded["by"] == by:
            results.add("load", **loaded["load"])
            return
    say(f"loading {source} into {home.path}")
    steps = [product.collect_step(table, "tpch", f"lake.tpch.{table}", files=f"{table}.parquet") for table in data.TPCH_TABLES]
    home.make({"kind": "Connection", "name": "tpch", "spec": {"files": {"location": str(source)}}},
              {"kind": "Pipeline", "name": "load", "spec": {"steps": steps}}, *product.user("bench", "select", "lake.tpch"))
    took = home.run("load")
    results.add("load", took=took, source_bytes=sum(file.stat().st_size for file in source.iterdir()),
                lake_bytes=sum(os.path.getsize(file) for table in data.TPCH_TABLES for file in home.files("tpch", table)))
    loaded = {key: value for key, value in results.lines[-1].items() if key != "kind"}
    marker.write_text(json.dumps({"by": by, "load": loaded}))


def ask(server, client, statement):
    """One query over HTTP: what it took, with the answer's way to this process, and the answer."""
    cpu, began = measure.cpu_seconds(server.pid), time.perf_counter()
    answer = client.sql(statement)
    wall = time.perf_counter() - began
    return Measure(wall, measure.cpu_seconds(server.pid) - cpu), answer


class DuckDB:
    """DuckDB in a process of its own, with tables over Parquet files."""

    def __init__(self, tables, threads):
        self.arguments = {"tables": tables, "threads": threads}

    def __enter__(self):
        command = [sys.executable, "-m", "bench.peers", "duckdb_queries", json.dumps(self.arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=measure.ROOT)
        self.line()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise Failed(f"DuckDB ended with {self.process.wait()}")
        return json.loads(text)

    def ask(self, statement):
        """One query: what it took, as DuckDB's process has measured it, and the answer."""
        self.process.stdin.write(json.dumps(statement).encode() + b"\n")
        self.process.stdin.flush()
        took = self.line()
        answer = pyarrow.ipc.open_stream(self.process.stdout.read(took["bytes"])).read_all()
        return Measure(took["wall_seconds"], took["cpu_seconds"]), answer


def explain(client, duckdb, chosen, folder):
    """Writes the plans of both: DuckDB's with times, ours with times where the server gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, statement in chosen.items():
        try:
            ours = client.sql(f"EXPLAIN ANALYZE {statement}")
        except Failed as refused:
            say(f"query {number}: {refused}; taking EXPLAIN")
            client.http.close()
            ours = client.sql(f"EXPLAIN {statement}")
        theirs = duckdb.ask(f"EXPLAIN ANALYZE {statement}")[1]
        for name, plan in (("dataux", ours), ("duckdb", theirs)):
            file = folder / f"q{number:02}-{name}.txt"
            file.write_text("\n\n".join("\n".join(map(str, row.values())) for row in plan.to_pylist()) + "\n")
            say(f"written {file}")


def profile(server, client, chosen, folder):
    """Writes where the server spends its time, query by query."""
    for number, statement in chosen.items():
        with measure.profile(server.pid, folder / f"q{number:02}.txt"):
            began = time.perf_counter()
            while time.perf_counter() - began < PROFILE_SECONDS:
                client.sql(statement)


def conclude(results, peaks):
    """Sums, the peer that is faster, and how we stand beside it."""
    rows = [line for line in results.lines if line["kind"] == "query"]
    sums = {what: {name: sum(row[what][name] for row in rows) for name in ENGINES} for what in ("wall_seconds", "cpu_seconds")}
    wall = sums["wall_seconds"]
    peer = min(ENGINES[1:], key=wall.get)
    results.add("sum", peer=peer, peak_bytes=peaks, **sums)
    ratios = {row["query"]: row["wall_seconds"]["dataux"] / row["wall_seconds"][peer] for row in rows}
    worst = max(ratios, key=ratios.get)
    results.target("all queries: wall time as a multiple of the peer's", wall["dataux"] / wall[peer], RATIO_MAX)
    results.target(f"the worst query, {worst}: wall time as a multiple of the peer's", ratios[worst], QUERY_RATIO_MAX)


def title(lines):
    return f"TPC-H, scale {lines[0]['scale']:g}"


def table(lines):
    rows = markdown.of_kind(lines, "query")
    total, load = markdown.of_kind(lines, "sum")[0], markdown.of_kind(lines, "load")[0]
    peer = total["peer"]
    cells = []
    for name, line in [*((f"Q{row['query']}", row) for row in rows), ("**all**", total)]:
        wall, cpu = line["wall_seconds"], line["cpu_seconds"]
        cells.append([name, markdown.number(wall["dataux"], 3), markdown.number(wall[peer], 3), markdown.number(wall["dataux"] / wall[peer]),
                      markdown.number(cpu["dataux"]), markdown.number(cpu[peer])])
    other = next(name for name in ENGINES[1:] if name != peer)
    files = {"duckdb": "the generator's files", "duckdb_lake": "the lake's files"}
    peaks = total["peak_bytes"]
    return (markdown.table(["query", "dataux, s", "DuckDB, s", "ratio", "dataux, CPU s", "DuckDB, CPU s"], cells)
            + f"\nDuckDB on {files[peer]}; on {files[other]} it takes {markdown.number(total['wall_seconds'][other], 3)} s. Most memory: "
            f"dataux {markdown.mib(peaks['dataux'])} MiB, DuckDB {markdown.mib(peaks[peer])} MiB. Loading {markdown.mib(load['source_bytes'])} MiB "
            f"of Parquet into the lake took {markdown.number(load['took']['wall_seconds'], 1)} s and at most "
            f"{markdown.mib(load['took']['peak_bytes'])} MiB of memory.\n")


if __name__ == "__main__":
    main()
