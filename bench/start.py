"""Start-up time and idle memory on an empty home and on one with a thousand tables; the size of the binary; with --build, the time
of a clean release build. There is no peer.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time

from bench import markdown, measure, product
from bench.measure import Failed, say

EMPTY_SECONDS_MAX, THOUSAND_SECONDS_MAX, IDLE_BYTES_MAX = 0.5, 1.0, 100 << 20
# How long a server is left alone before its memory is looked at, in seconds.
IDLE_SECONDS = 5
# Tables of one pipeline that fills a home.
STEPS = 250
# Longest time of the build, in seconds.
BUILD_SECONDS = 4 * 3600


def main():
    parser = measure.arguments(__doc__)
    parser.set_defaults(rounds=10)
    parser.add_argument("--tables", type=int, default=1000, help="tables of the filled home (%(default)s)")
    parser.add_argument("--build", action="store_true", help="also build from nothing, which takes long")
    options = parser.parse_args()
    results = measure.Results("start", options.results, rounds=options.rounds, versions=measure.versions(binary=options.binary))
    empty = product.Home(options.binary, options.cache / "homes" / "empty")
    empty.make()
    full = product.Home(options.binary, options.cache / "homes" / "full")
    fill(full, options.tables)
    for what, home, tables, seconds_max in (("an empty home", empty, 0, EMPTY_SECONDS_MAX),
                                            (f"a home with {options.tables} tables", full, options.tables, THOUSAND_SECONDS_MAX)):
        started, idle = [], []
        for number in range(options.rounds):
            with product.Server(home) as server:
                product.Client(server.url).ask("GET", "/readyz")
                started.append(server.ready_seconds)
                # The memory is the same every time, so a few looks are enough.
                if number < 2:
                    time.sleep(IDLE_SECONDS)
                    idle.append(measure.resident_bytes([server.pid]))
        results.add("start", tables=tables, seconds_best=min(started), seconds_median=statistics.median(started),
                    seconds_worst=max(started), idle_bytes=max(idle))
        results.target(f"seconds until {what} is served (median)", statistics.median(started), seconds_max)
        results.target(f"idle memory in bytes on {what}", max(idle), IDLE_BYTES_MAX)
    results.add("binary", bytes=options.binary.stat().st_size)
    if options.build:
        build(results)
    results.save(options.tables == parser.get_default("tables"))


def fill(home, tables):
    """A home with so many tables of one row, each in a commit of its own."""
    marker = home.path / f"filled-{tables}"
    if marker.exists():
        return
    say(f"making {tables} tables in {home.path}")
    names = [f"t{number:04}" for number in range(tables)]
    parts = [names[first:first + STEPS] for first in range(0, tables, STEPS)]
    home.make(*({"kind": "Pipeline", "name": f"fill-{number}",
                 "spec": {"steps": [{"name": name, "sql": {"into": f"lake.full.{name}", "query": "SELECT 1 AS id, 'one' AS text"}} for name in part]}}
                for number, part in enumerate(parts)))
    for number in range(len(parts)):
        home.run(f"fill-{number}")
    found = len(list((home.path / "lake" / "full").iterdir()))
    if found != tables:
        raise Failed(f"{home.path} has {found} tables, not {tables}")
    marker.touch()


def build(results):
    """A release build from nothing but the downloaded sources of the dependencies."""
    subprocess.run(["cargo", "fetch", "--locked"], cwd=measure.ROOT, check=True)
    folder = tempfile.mkdtemp(prefix="dataux-build.", dir=measure.data_folder())
    try:
        say("building from nothing")
        took, _ = measure.process(["cargo", "build", "--release", "--locked", "--quiet", "-p", "dataux-cli"], cwd=measure.ROOT,
                                  env={**os.environ, "CARGO_TARGET_DIR": folder}, seconds_max=BUILD_SECONDS)
        results.add("build", took=took)
    finally:
        shutil.rmtree(folder)


def title(_):
    return "Start, idle memory, size"


def table(lines):
    rows = [[f"{line['tables']:,} tables", markdown.number(line["seconds_median"], 3), markdown.number(line["seconds_worst"], 3),
             markdown.mib(line["idle_bytes"])] for line in markdown.of_kind(lines, "start")]
    text = markdown.table(["a home with", "s until it serves, median", "worst", "idle memory, MiB"], rows)
    text += f"\nThe binary has {markdown.mib(markdown.of_kind(lines, 'binary')[0]['bytes'])} MiB.\n"
    for line in markdown.of_kind(lines, "build"):
        wall, cpu = (markdown.number(line["took"][what] / 60, 0) for what in ("wall_seconds", "cpu_seconds"))
        text += f"A clean release build takes {wall} min, and {cpu} min of CPU time.\n"
    return text


if __name__ == "__main__":
    main()
