"""Incremental SQL: steps that read only what is new end where a full computation ends, however often they are killed on the way."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import duckdb
import scene as scenes
from killing import ended
from scene import Scene, Server
from trouble import Home, connection

ROUNDS, FILE_ROWS = 9, 4000


def pipeline(name, *steps):
    return f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: {name}\nspec: " + json.dumps({"steps": list(steps)}) + "\n"


def sql(name, into, query, mode="append", **more):
    return {"name": name, "sql": {"into": into, "mode": mode, "query": query, **more}}


def main():
    with Scene("flow_incremental") as scene:
        appended(scene, int(os.environ.get("DATAUX_TEST_SEED") or random.randrange(1 << 32)))
        rewritten(scene)
        wrong(scene)


FRESH = "SELECT e.id, e.k, e.v * 2 AS w, d.name FROM lake.ods.events e LEFT JOIN lake.ods.kinds AS d ON d.k = e.k WHERE e.v <> 13"
SUMS = "SELECT k, count(*) AS n, sum(v) AS s FROM lake.ods.events GROUP BY k"
ADDED = f"SELECT new.k, new.n + coalesce(old.n, 0) AS n, new.s + coalesce(old.s, 0) AS s FROM ({SUMS}) new LEFT JOIN lake.dws.sums old ON old.k = new.k"


def appended(scene, seed):
    draw = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    folder = scene.folder / "in"
    folder.mkdir()
    (folder / "kinds.csv").write_text("k,name\n" + "".join(f"{k},kind {k}\n" for k in range(50)))
    home = Home(scene)
    take = {"name": "take", "collect": {"from": "files", "files": "part*.csv", "into": "lake.ods.events", "mode": "append",
                                        "columns": {"id": "int64", "k": "int64", "v": "int64"}}}
    kinds = {"name": "kinds", "collect": {"from": "files", "files": "kinds.csv", "into": "lake.ods.kinds", "columns": {"k": "int64"}}}
    checks = [{"name": "odd-one", "sql": "id % 997 <> 0", "on_failure": "quarantine"}]
    fresh = sql("fresh", "lake.dwd.fresh", FRESH, incremental=["lake.ods.events"], checks=checks)
    files = connection("files", files={"location": str(folder)})
    # The sums begin as a whole computation, and go on by what is new.
    home.apply(files + pipeline("all", take, kinds, fresh, sql("sums", "lake.dws.sums", SUMS, "replace")))
    number = 0

    def add():
        nonlocal number
        rows = [(number * FILE_ROWS + n, draw.randrange(50), draw.randrange(-100, 100)) for n in range(FILE_ROWS)]
        (folder / f"new{number}").write_text("id,k,v\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
        os.rename(folder / f"new{number}", folder / f"part{number}.csv")
        number += 1

    add()
    began = time.monotonic()
    ran = home.start("all")
    usual = time.monotonic() - began
    scene.check("the first run reads everything", ran.state == "succeeded", ran)
    compare(scene, home, folder, "after the first run")
    home.apply(files + pipeline("all", take, kinds, fresh, sql("sums", "lake.dws.sums", ADDED, "merge", keys=["k"], incremental=["lake.ods.events"])))
    for turn in range(ROUNDS):
        for _ in range(draw.randint(0, 2)):
            add()
        what = f"round {turn} (seed {seed})"
        if draw.random() < 0.4:
            home.run("table", "optimize", "lake.ods.events")
        if turn % 2:
            moment = draw.uniform(0, usual * 1.1)
            process = subprocess.Popen([scenes.DATAUX, "run", "all", "--home", home.path, "--progress", "none"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=scenes.plain_environment())
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if draw.random() < 0.5:
                add()
            what += f", killed after {moment:.2f} s"
            with Server(home.path):
                ended(scene, home, what)
        ran = home.start("all")
        scene.check(f"{what}: the run succeeds", ran.state == "succeeded", ran)
        compare(scene, home, folder, what)
    add()
    ran = home.start("all")
    scene.check("a run reads only what is new", ran.step("fresh")["rows"] + ran.step("fresh")["rejected"] <= FILE_ROWS and ran.state == "succeeded", ran.step("fresh"))
    version = versions(home, "lake.dwd.fresh")
    ran = home.start("all")
    scene.check("without anything new nothing is written", ran.step("fresh")["rows"] == 0 and versions(home, "lake.dwd.fresh") == version, ran)
    logs = home.run("logs", ran.id).stdout
    scene.check("and the log says so", "nothing new to read" in logs, logs)


def versions(home, table):
    """How many versions a table has."""
    return len(home.run("table", "history", table, "-o", "name", "--limit", "1000").stdout.split())


def compare(scene, home, folder, what):
    """Against DuckDB over the source files."""
    duck = duckdb.connect()
    duck.execute(f"CREATE TABLE events AS SELECT * FROM read_csv('{folder}/part*.csv')")
    duck.execute(f"CREATE TABLE kinds AS SELECT * FROM read_csv('{folder}/kinds.csv')")
    whole = "SELECT e.id, e.k, e.v * 2 AS w, d.name FROM events e LEFT JOIN kinds d ON d.k = e.k WHERE e.v <> 13"
    fresh, aside = home.table("lake.dwd.fresh"), home.table("lake.dwd.fresh__quarantine")
    found = sorted(zip(*(fresh.column(name).to_pylist() for name in ("id", "k", "w", "name"))))
    wanted = duck.execute(f"{whole} AND e.id % 997 <> 0 ORDER BY 1").fetchall()
    scene.check(f"{what}: appended rows are those of the whole query", found == wanted, f"{len(found)} {len(wanted)}")
    bad = sorted(json.loads(bytes(raw))["id"] for raw in aside.column("raw").to_pylist())
    wanted = [row[0] for row in duck.execute(f"SELECT id FROM ({whole}) WHERE id % 997 = 0 ORDER BY 1").fetchall()]
    scene.check(f"{what}: rows held back are there once", bad == wanted, f"{bad} {wanted}")
    sums = home.table("lake.dws.sums")
    found = sorted(zip(*(sums.column(name).to_pylist() for name in ("k", "n", "s"))))
    wanted = [(k, n, int(s)) for k, n, s in duck.execute("SELECT k, count(*), sum(v) FROM events GROUP BY k ORDER BY k").fetchall()]
    scene.check(f"{what}: merged sums are those of the whole", found == wanted, f"{found[:3]} {wanted[:3]}")


def rewritten(scene):
    """An input that was not only added to: refused for append, made anew for merge."""
    folder = scene.folder / "rewritten-in"
    folder.mkdir()
    home = Home(scene, "rewritten")
    take = {"name": "take", "collect": {"from": "files", "files": "a.csv", "into": "lake.ods.a", "mode": "replace"}}
    files = connection("files", files={"location": str(folder)})
    added = sql("added", "lake.dwd.added", "SELECT * FROM lake.ods.a", incremental=["lake.ods.a"])
    merged = sql("merged", "lake.dwd.merged", "SELECT id, v FROM lake.ods.a", "merge", keys=["id"], incremental=["lake.ods.a"])
    home.apply(files + pipeline("take", take) + pipeline("added", added) + pipeline("merged", merged))
    (folder / "a.csv").write_text("id,v\n1,1\n2,2\n3,3\n")
    ran = [home.start(name) for name in ("take", "added", "merged")]
    scene.check("the first reads are whole", all(run.state == "succeeded" for run in ran), "\n".join(map(str, ran)))
    (folder / "a.csv").write_text("id,v\n1,10\n4,4\n")
    home.start("take")
    ran = home.start("added")
    scene.check("appending from a table that was replaced is refused", ran.state == "failed" and ran.error.get("code") == "input_rewritten", ran)
    scene.check("and says which version of which table", all(word in ran.error.get("message", "") for word in ("lake.ods.a", "version 1", "added")), ran.error)
    scene.check("and what to do", "replace" in (ran.error.get("hint") or ""), ran.error)
    scene.check("and adds nothing", len(home.table("lake.dwd.added")) == 3)
    ran = home.start("merged")
    rows = dict(zip(*(home.table("lake.dwd.merged").column(name).to_pylist() for name in ("id", "v"))))
    scene.check("merging makes the table anew", ran.state == "succeeded" and rows == {1: 10, 4: 4}, f"{rows} {ran}")
    logs = home.run("logs", ran.id).stdout
    scene.check("and the log says why", "did not only add rows" in logs and "lake.ods.a" in logs, logs)
    # The advice: once as a whole, then on.
    home.apply(pipeline("added", sql("added", "lake.dwd.added", "SELECT * FROM lake.ods.a", "replace")))
    ran = home.start("added")
    scene.check("a whole run puts it right", ran.state == "succeeded" and len(home.table("lake.dwd.added")) == 2, ran)
    home.apply(pipeline("added", added))
    ran = home.start("added")
    scene.check("and the increments go on from there", ran.state == "succeeded" and ran.step("added")["rows"] == 0 and len(home.table("lake.dwd.added")) == 2, ran)


def wrong(scene):
    home = Home(scene, "wrong")
    query = "SELECT * FROM lake.ods.a"
    for what, step in (("a table the query does not read", sql("s", "lake.x.t", query, incremental=["lake.ods.b"])),
                       ("mode replace", sql("s", "lake.x.t", query, "replace", incremental=["lake.ods.a"])),
                       ("its own table", sql("s", "lake.ods.a", query, incremental=["lake.ods.a"]))):
        file = scene.folder / "wrong.yaml"
        file.write_text(pipeline("p", step))
        done = home.run("apply", "-f", file)
        scene.check(f"incremental by {what} is refused", done.returncode != 0 and "incremental" in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
