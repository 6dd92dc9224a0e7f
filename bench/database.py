"""A database's table into the lake, beside connectorx and deltalake: what `postgres` and `mariadb` have in common.

Server, peer and product share the machine. So there are also the client's CPU seconds, and the server's: where the server
takes most of the machine, it and not the client is what limits.
"""

import json
import shutil
import sys
from functools import partial

import duckdb
from deltalake import DeltaTable

from bench import data, markdown, measure, product
from bench.measure import Failed, say

READERS = 4
# Rows a second as a multiple of the peer's, and memory.
RATE_MIN, PEAK_BYTES_MAX = 1.5, 256 << 20
# The peer reads in two ways: all rows into memory first, or a stream of batches. The faster one counts.
PEERS = ("connectorx_whole", "connectorx_stream")

COLUMNS = """
    l_orderkey BIGINT NOT NULL, l_partkey BIGINT NOT NULL, l_suppkey BIGINT NOT NULL, l_linenumber INT NOT NULL,
    l_quantity DECIMAL(15, 2) NOT NULL, l_extendedprice DECIMAL(15, 2) NOT NULL, l_discount DECIMAL(15, 2) NOT NULL,
    l_tax DECIMAL(15, 2) NOT NULL, l_returnflag CHAR(1) NOT NULL, l_linestatus CHAR(1) NOT NULL, l_shipdate DATE NOT NULL,
    l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL, l_shipinstruct VARCHAR(25) NOT NULL, l_shipmode VARCHAR(10) NOT NULL,
    l_comment VARCHAR(44) NOT NULL"""
KEY = "l_orderkey, l_linenumber"
NAMES = [line.split()[0] for line in COLUMNS.replace("(15, 2)", "").split(",")]
MONEY = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")
DAYS = ("l_shipdate", "l_commitdate", "l_receiptdate")


def bench(about, name, source):
    """Measures one kind of database. `source` gives its product's connection, the peer's URL, and the server's process."""
    parser = measure.arguments(about)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of lineitem (%(default)s)")
    parser.add_argument("--scale", type=float, default=1, help="scale of the TPC-H data they are taken from (%(default)s)")
    options = parser.parse_args()
    text, first = data.lineitem(options.cache, options.rows, options.scale)
    say(f"loading {options.rows} rows into {name}")
    source.load(text)
    expected = content([str(first)])
    if expected[0] != options.rows or source.count() != options.rows:
        raise Failed(f"{name} holds {source.count()} rows, and {first} {expected[0]}, not {options.rows}")
    results = measure.Results(name, options.results, readers=READERS, rounds=options.rounds, server=source.version(),
                              versions=measure.versions("connectorx", "deltalake", binary=options.binary))
    home = product.Home(options.binary, options.cache / "homes" / name, BENCH_PASSWORD=source.password)
    to = options.cache / f"{name}-peer"
    took = {who: [] for who in ("dataux", *PEERS)}
    server = source.process()

    def counted(copy, *arguments):
        before = measure.cpu_seconds(server)
        one, files = copy(*arguments)
        return one, measure.cpu_seconds(server) - before, content(files)

    copies = {"dataux": partial(counted, ours, home, source), **{peer: partial(counted, theirs, peer, source, to) for peer in PEERS}}
    for number, who, (one, server_seconds, found) in measure.alternate(options.rounds, **copies):
        if found != expected:
            raise Failed(f"{who} copied {found} (rows, sum of hashes), and the source is {expected}")
        took[who].append((one, server_seconds))
        results.add("round", round=number, who=who, took=one, server_cpu_seconds=server_seconds)
    shutil.rmtree(to)
    conclude(results, took, options.rows)
    results.save(options.rows == parser.get_default("rows"))


def ours(home, source):
    home.make({"kind": "Connection", "name": "source", "spec": source.connection("env:BENCH_PASSWORD")},
              {"kind": "Pipeline", "name": "copy",
               "spec": {"steps": [product.collect_step("take", "source", "lake.bench.lineitem", table=source.table)]}})
    return home.run("copy"), home.files("bench", "lineitem")


def theirs(peer, source, to):
    shutil.rmtree(to, ignore_errors=True)
    arguments = json.dumps({"url": source.url, "readers": READERS, "to": str(to)})
    took, said = measure.process([sys.executable, "-m", "bench.peers", peer, arguments], cwd=measure.ROOT)
    took.wall_seconds = json.loads(said)["wall_seconds"]
    return took, DeltaTable(str(to)).file_uris()


def content(files):
    """The number of rows, and the sum over all rows of a hash of each row, its values in the source's types."""
    types = {name: "DECIMAL(15, 2)" if name in MONEY else "DATE" if name in DAYS else "VARCHAR" for name in NAMES}
    row = ", ".join(f"{name}::{kind}" for name, kind in types.items())
    return duckdb.execute(f"SELECT count(*), sum(hash({row})::HUGEINT) FROM read_parquet(?)", [list(files)]).fetchone()


def conclude(results, took, rows):
    """The best round of each, the faster peer, and how we stand beside it."""
    best = {who: min(all, key=lambda one: one[0].wall_seconds) for who, all in took.items()}
    for who, (one, server_seconds) in best.items():
        results.add("best", who=who, rows=rows, took=one, rows_per_second=rows / one.wall_seconds, server_cpu_seconds=server_seconds,
                    cpu_seconds_per_million=one.cpu_seconds / rows * 1e6)
    peer = min(PEERS, key=lambda who: best[who][0].wall_seconds)
    results.target(f"rows a second as a multiple of the peer's ({peer})",
                   best[peer][0].wall_seconds / best["dataux"][0].wall_seconds, RATE_MIN, at_most=False)
    results.target("peak memory in bytes", max(one.peak_bytes for one, _ in took["dataux"]), PEAK_BYTES_MAX)


def table(lines):
    """The best rounds as Markdown."""
    labels = {"dataux": "dataux", "connectorx_whole": "connectorx, in memory, then deltalake",
              "connectorx_stream": "connectorx, as a stream, to deltalake"}
    rows = [[labels[line["who"]], markdown.number(line["rows_per_second"], 0), markdown.number(line["took"]["wall_seconds"]),
             markdown.number(line["cpu_seconds_per_million"]), markdown.number(line["server_cpu_seconds"]), markdown.mib(line["took"]["peak_bytes"])]
            for line in markdown.of_kind(lines, "best")]
    return markdown.table(["", "rows a second", "s", "client's CPU s for a million rows", "server's CPU s", "most memory, MiB"], rows)
