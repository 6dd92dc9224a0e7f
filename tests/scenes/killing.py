"""Kills collecting runs with SIGKILL at random moments, over and over on one home, and compares the lake with its sources each time."""

import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import scene as scenes
from scene import Server
from trouble import Home, collect, connection

# Good and bad rows of one new file, and rows that a database grows by between two runs.
FILE_ROWS, FILE_BAD, EVENT_ROWS, EVENT_BAD = 40_000, 20, 15_000, 7
# Rows of the tables that are replaced and merged as a whole.
ITEM_ROWS = 20_000
# Longest wait until every run has ended by itself, in seconds: a lease is 15 s, and the pipeline's comes on top.
END_SECONDS = 300
# What a moment to kill is drawn from, as a share of an undisturbed run's time.
SHARE_MAX = 1.15


class Sources:
    """A folder of files and a database that both grow, and what was ever in them."""

    def __init__(self, folder, draw):
        self.folder, self.draw = folder, draw
        (folder / "in").mkdir()
        self.files, self.next_id, self.events = 0, 0, 0
        self.good, self.bad = [], collections.Counter()
        self.event_ids, self.bad_events = [], collections.Counter()
        self.items = {}
        with self.database() as database:
            # No types: SQLite keeps what it is given, as the systems of this world do.
            database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, amount)")
            database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, price INTEGER)")

    def database(self):
        return sqlite3.connect(self.folder / "source.db")

    def add_file(self):
        """One more file, under another name until it is whole."""
        self.files += 1
        name = f"part-{self.files:04}.csv"
        bad = set(self.draw.sample(range(FILE_ROWS), FILE_BAD))
        with open(self.folder / name, "w") as file:
            file.write("id,text\n")
            for line in range(FILE_ROWS):
                if line in bad:
                    file.write(f"bad{self.next_id},x\n")
                    self.bad[f"{name}:{line + 2}"] += 1
                else:
                    file.write(f"{self.next_id},text of {self.next_id}\n")
                    self.good.append(self.next_id)
                    self.next_id += 1
        os.rename(self.folder / name, self.folder / "in" / name)

    def grow(self):
        """More events at the end, and other prices of the items."""
        with self.database() as database:
            first = self.events + 1
            bad = set(self.draw.sample(range(first, first + EVENT_ROWS - 1), EVENT_BAD))
            rows = [(number, f"word{number}" if number in bad else number % 97) for number in range(first, first + EVENT_ROWS)]
            database.executemany("INSERT INTO events VALUES (?, ?)", rows)
            self.events += EVENT_ROWS
            self.event_ids += [number for number, _ in rows if number not in bad]
            self.bad_events.update(bad)
            prices = {number: self.draw.randrange(1000) for number in range(ITEM_ROWS)}
            database.executemany("INSERT OR REPLACE INTO items VALUES (?, ?)", prices.items())
            self.items = prices
        database.close()


def pipeline():
    """Every way of collecting at once, and a summary behind them."""
    steps = [
        {"name": "files", "collect": {"from": "files", "files": "part-*.csv", "into": "lake.ods.files", "mode": "append",
                                      "columns": {"id": "int64", "text": "string"}}},
        {"name": "events", "collect": {"from": "base", "table": "main.events", "into": "lake.ods.events", "mode": "append", "cursor": "id",
                                       "columns": {"id": "int64", "amount": "int64"}}},
        {"name": "items", "collect": {"from": "base", "table": "main.items", "into": "lake.ods.items", "mode": "replace"}},
        {"name": "merged", "collect": {"from": "base", "table": "main.items", "into": "lake.ods.merged", "mode": "merge", "keys": ["id"]}},
        {"name": "sums", "sql": {"into": "lake.dws.sums", "query": "SELECT count(*) AS n, sum(id) AS ids FROM lake.ods.files"}},
    ]
    return "---\napiVersion: dataux/v1\nkind: Pipeline\nname: everything\nspec: " + json.dumps({"parallel": 3, "steps": steps}) + "\n"


def rounds(scene, count, seed):
    """Kills `count` times; every third time a server, else a command."""
    draw = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    folder = scene.folder / "sources"
    folder.mkdir()
    sources = Sources(folder, draw)
    home = Home(scene)
    home.apply(connection("files", files={"location": str(folder / "in")}) + connection("base", sqlite={"path": str(folder / "source.db")})
               + pipeline())
    sources.add_file()
    sources.grow()
    began = time.monotonic()
    ran = home.start("everything")
    usual = time.monotonic() - began
    scene.check("an undisturbed run succeeds", ran.state == "succeeded", ran)
    compare(scene, home, sources, "before any kill")
    for number in range(count):
        for _ in range(draw.randint(1, 3)):
            sources.add_file()
        sources.grow()
        moment = draw.uniform(0, usual * SHARE_MAX)
        what = f"kill {number + 1} after {moment:.2f} s (seed {seed})"
        killed = kill_server if number % 3 == 2 else kill_command
        killed(home, moment)
        # Sources do not wait while nobody collects.
        if draw.random() < 0.5:
            sources.add_file()
            sources.grow()
        with Server(home.path):
            ended(scene, home, what)
        # What came after the killed run had looked is collected by the next one.
        ran = home.start("everything")
        scene.check(f"{what}: the next run succeeds", ran.state == "succeeded", ran)
        compare(scene, home, sources, what)


def kill_command(home, moment):
    """A run that this command itself executes."""
    process = subprocess.Popen([scenes.DATAUX, "run", "everything", "--home", home.path, "--progress", "none"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=scenes.plain_environment())
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()


def kill_server(home, moment):
    """A run that a server executes."""
    with Server(home.path) as server:
        home.run("run", "everything", "--no-wait")
        time.sleep(moment)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()


def ended(scene, home, what):
    """Waits until every run has ended by itself, and as it should."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        done = home.run("runs", "-o", "json")
        runs = json.loads(done.stdout) if done.returncode == 0 else None
        runs = runs["items"] if isinstance(runs, dict) else runs
        states = collections.Counter(run["state"] for run in runs or [])
        waiting = states["queued"] + states["running"]
        if runs is not None and not waiting:
            return scene.check(f"{what}: all runs succeeded", set(states) <= {"succeeded"}, f"{states} {runs[:2]}")
        if time.monotonic() > deadline:
            return scene.check(f"{what}: all runs end by themselves", False, f"{states} {done.stderr}")
        time.sleep(0.3)


def compare(scene, home, sources, what):
    """The lake against the sources, as another Delta reader sees it and as the platform does."""
    files, events, items, merged = (home.table(f"lake.ods.{name}") for name in ("files", "events", "items", "merged"))
    ids = sorted(files.column("id").to_pylist())
    scene.check(f"{what}: files are there once each", ids == sources.good, difference(ids, sources.good))
    texts = set(files.column("text").to_pylist())
    scene.check(f"{what}: their texts too", texts == {f"text of {number}" for number in sources.good}, len(texts))
    ids = sorted(events.column("id").to_pylist())
    scene.check(f"{what}: events are there once each", ids == sources.event_ids, difference(ids, sources.event_ids))
    for name, table in (("replaced", items), ("merged", merged)):
        rows = dict(zip(table.column("id").to_pylist(), table.column("price").to_pylist()))
        scene.check(f"{what}: {name} items are as they are now", len(table) == ITEM_ROWS and rows == sources.items, len(table))
    set_aside = collections.Counter(home.table("lake.ods.files__quarantine").column("position").to_pylist())
    scene.check(f"{what}: bad lines are set aside once each", set_aside == sources.bad, difference(set_aside.elements(), sources.bad.elements()))
    raw = [bytes(value).decode() for value in home.table("lake.ods.events__quarantine").column("raw").to_pylist()]
    numbers = collections.Counter(number for text in raw for number in [int(text.split("word")[1].split('"')[0].split(",")[0].rstrip("}'"))])
    scene.check(f"{what}: bad events are set aside once each", numbers == sources.bad_events,
                difference(numbers.elements(), sources.bad_events.elements()))
    found = home.rows("SELECT count(*), sum(id), (SELECT n FROM lake.dws.sums), (SELECT ids FROM lake.dws.sums) FROM lake.ods.files")
    wanted = [len(sources.good), sum(sources.good)] * 2
    scene.check(f"{what}: the platform and its summary say the same", found == [wanted], f"{found} {wanted}")


def difference(found, wanted):
    found, wanted = collections.Counter(found), collections.Counter(wanted)
    return f"too many {list((found - wanted).items())[:5]} ({(found - wanted).total()}), missing {list((wanted - found).items())[:5]} ({(wanted - found).total()})"
