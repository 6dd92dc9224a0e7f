"""A data service's point look-ups by 32 clients at a time, beside roapi on the same Parquet file.

wrk asks both for the same keys in the same order. While it does, another client asks for keys at leisure and compares the answers with
DuckDB's. roapi is measured as it comes, with the table in memory, and reading the file; what is faster is the peer.
"""

import contextlib
import json
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import duckdb

from bench import data, markdown, measure, product
from bench.measure import Failed, say

CLIENTS = 32
KEYS = 20_000
COLUMNS = ("o_orderkey", "o_custkey", "o_orderstatus", "o_totalprice")
PEERS = ("roapi_memory", "roapi_file")
# Requests a second as a multiple of the peer's.
RATE_MIN = 1.0
# Pause between two answers that are compared while wrk runs, and longest wait for roapi to start, in seconds.
CHECK_PAUSE_SECONDS = 0.2
START_SECONDS = 120


def main():
    parser = measure.arguments(__doc__)
    parser.add_argument("--scale", type=float, default=1, help="scale of the TPC-H data (%(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="how long each is asked in a round (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the product (%(default)s)")
    parser.add_argument("--profile", action="store_true", help="only write where the product spends its time into the cache folder")
    options = parser.parse_args()
    file = data.tpch(options.cache, options.scale) / "orders.parquet"
    expected = orders(file)
    keys = options.cache / f"keys-sf{options.scale:g}.txt"
    keys.write_text("".join(f"{key}\n" for key in expected))
    results = measure.Results("service", options.results, clients=CLIENTS, seconds=options.seconds, rounds=options.rounds,
                              scale=options.scale, versions=measure.versions("roapi", binary=options.binary))
    with contextlib.ExitStack() as running:
        doors = {"dataux": running.enter_context(dataux(options, file)),
                 **{peer: running.enter_context(roapi(options, file, memory=peer == "roapi_memory")) for peer in PEERS}}
        if options.profile:
            with measure.profile(doors["dataux"].pid, options.cache / "profiles" / "service.txt"):
                doors["dataux"].load(keys, expected, options.seconds)
            return
        took = {who: [] for who in doors}
        asked = measure.alternate(options.rounds, **{who: partial(door.load, keys, expected, options.seconds) for who, door in doors.items()})
        for number, who, one in asked:
            took[who].append(one)
            results.add("round", round=number, who=who, **one)
    best = {who: max(all, key=lambda one: one["requests_per_second"]) for who, all in took.items()}
    for who, one in best.items():
        results.add("best", who=who, **one)
    peer = max(PEERS, key=lambda who: best[who]["requests_per_second"])
    results.target(f"requests a second as a multiple of the peer's ({peer})",
                   best["dataux"]["requests_per_second"] / best[peer]["requests_per_second"], RATE_MIN, at_most=False)
    results.save(options.scale == parser.get_default("scale"))


def orders(file):
    """Rows by key: as many keys as are asked for, in an order that is the same every time."""
    rows = duckdb.execute(f"SELECT {', '.join(COLUMNS[:-1])}, o_totalprice::DOUBLE FROM read_parquet(?) ORDER BY hash(o_orderkey) LIMIT {KEYS}",
                          [str(file)]).fetchall()
    return {row[0]: row for row in rows}


class Door:
    """A server that answers look-ups: its process, where it is, and what comes before the key."""

    def __init__(self, pid, url, path, rows_of, token=None):
        self.pid, self.url, self.path, self.rows_of, self.token = pid, url, path, rows_of, token

    def load(self, keys, expected, seconds):
        """Asks as fast as the clients can, for so many seconds; the figures."""
        measure.forget_peak(self.pid)
        before = measure.cpu_seconds(self.pid)
        command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "30s", "-s", pathlib.Path(__file__).with_name("lookup.lua"),
                   self.url, "--", keys, self.path, *([self.token] if self.token else [])]
        with Checking(self, expected) as checking:
            took, said = measure.process(command)
        found = json.loads(said.splitlines()[-1])
        if found["failed"] or not found["requests"] or not checking.answers:
            raise Failed(f"{self.url} answered {found['requests']} requests, of which {found['failed']} failed, and {checking.answers} to compare")
        return {"requests_per_second": found["requests"] / found["seconds"], "p50_seconds": found["p50_seconds"],
                "p99_seconds": found["p99_seconds"], "requests": found["requests"], "compared": checking.answers,
                "cpu_seconds": measure.cpu_seconds(self.pid) - before, "wrk_cpu_seconds": took.cpu_seconds,
                "peak_bytes": measure.resident_bytes([self.pid], "VmHWM")}


class Checking:
    """A client that compares answers while the block runs. A wrong one raises at the block's end."""

    def __init__(self, door, expected):
        self.door, self.expected, self.answers, self.wrong, self.over = door, expected, 0, None, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._check, daemon=True)
        self.thread.start()
        return self

    def _check(self):
        client, some = product.Client(self.door.url, self.door.token), random.Random(1)
        try:
            while not self.over.wait(CHECK_PAUSE_SECONDS):
                key = some.choice(list(self.expected))
                rows = self.door.rows_of(json.loads(client.ask("GET", f"{self.door.path}{key}")))
                found = [tuple(float(row[name]) if name == "o_totalprice" else row[name] for name in COLUMNS) for row in rows]
                if found != [self.expected[key]]:
                    raise Failed(f"order {key} was answered with {found} and is {self.expected[key]}")
                self.answers += 1
        except Exception as error:
            self.wrong = error

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if self.wrong and not kind:
            raise self.wrong


@contextlib.contextmanager
def dataux(options, file):
    home = product.Home(options.binary, options.cache / "homes" / "service", DATAUX_THREADS=str(options.threads))
    say(f"loading {file}")
    home.make({"kind": "Connection", "name": "tpch", "spec": {"files": {"location": str(file.parent)}}},
              {"kind": "Pipeline", "name": "load",
               "spec": {"steps": [product.collect_step("orders", "tpch", "lake.tpch.orders", files=file.name)]}})
    home.run("load")
    home.apply({"kind": "DataService", "name": "order", "spec": {
        "sql": f"SELECT {', '.join(COLUMNS)} FROM lake.tpch.orders WHERE o_orderkey = $key",
        "parameters": {"key": {"type": "integer", "required": True}}, "paging": {"default_rows": 10, "max_rows": 10}}},
        *product.user("bench", "execute", "service:order"))
    token = home.token("bench")
    with product.Server(home) as server:
        yield Door(server.pid, server.url, "/services/order?key=", lambda answer: answer["items"], token)


@contextlib.contextmanager
def roapi(options, file, memory):
    ports = free_ports(3)
    config = options.cache / f"roapi-{'memory' if memory else 'file'}.yml"
    config.write_text(json.dumps({
        "addr": {"http": f"127.0.0.1:{ports[0]}", "postgres": f"127.0.0.1:{ports[1]}", "flight_sql": f"127.0.0.1:{ports[2]}"},
        "tables": [{"name": "orders", "uri": str(file), "option": {"format": "parquet", "use_memory_table": memory}}]}))
    # Without a line of log for every request, which the product does not write either.
    process = subprocess.Popen([pathlib.Path(sys.executable).with_name("roapi"), "-c", config], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"RUST_LOG": "error"})
    try:
        deadline = time.monotonic() + START_SECONDS
        while socket.socket().connect_ex(("127.0.0.1", ports[0])) != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"roapi did not start: {process.poll()}")
            time.sleep(0.1)
        yield Door(process.pid, f"http://127.0.0.1:{ports[0]}", f"/api/tables/orders?columns={','.join(COLUMNS)}&filter[o_orderkey]=", list)
    finally:
        process.terminate()
        process.wait()


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def title(_):
    return "Point look-ups of a data service"


def table(lines):
    labels = {"dataux": "dataux", "roapi_memory": "roapi, table in memory", "roapi_file": "roapi, reading the file"}
    rows = [[labels[line["who"]], markdown.number(line["requests_per_second"], 0), markdown.number(line["p50_seconds"] * 1000, 1),
             markdown.number(line["p99_seconds"] * 1000, 1), markdown.number(line["cpu_seconds"] / line["requests"] * 1000),
             markdown.mib(line["peak_bytes"])] for line in markdown.of_kind(lines, "best")]
    return markdown.table(["", "requests a second", "p50, ms", "p99, ms", "CPU ms for a request", "most memory, MiB"], rows)


if __name__ == "__main__":
    main()
