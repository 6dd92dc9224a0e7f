"""Quarantine: what a replay takes, what it leaves and why, that it is exactly once when it is killed, and that dropping is told."""

import collections
import csv
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import scene as scenes
from killing import difference, ended
from scene import Scene, Server
from trouble import Home, collect, connection

# Bad lines of one round, and how often a replay is killed.
ROUND_BAD, KILLS = 3000, 5


def main():
    with Scene("flow_quarantine") as scene:
        collected(scene)
        checked(scene)
        merged(scene)
        cut_between_commits(scene)
        dropped(scene)
        killed(scene, int(os.environ.get("DATAUX_TEST_SEED") or random.randrange(1 << 32)))


def replay(home, table, *more):
    """A replay to its end; what became of the records by step, and the finished command."""
    done = home.run("quarantine", "replay", table, "-o", "json", "--progress", "none", *more)
    if not done.stdout.startswith("{"):
        return None, done
    decoder, text, found = json.JSONDecoder(), done.stdout, {}
    while text.strip():
        run, end = decoder.raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        found |= {step["step"]: step["output"]["outcome"]["replay"] for step in run["steps"] if run["state"] == "succeeded"}
    return found, done


def column(home, table, name):
    found = home.table(table)
    return [] if found is None else sorted(found.column(name).to_pylist(), key=str)


def collected(scene):
    """Delimited text by the head of its own file, JSON, and rows of a database."""
    folder = scene.folder / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("id,amount,text\n1,10,one\n2,n/a,two\n3,thirty,three\n")
    # Another order of columns, and a member of an archive.
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.writestr("inner/b.csv", 'text,amount,id\n"fo,ur",n/a,4\nfive,50,5\n')
    (folder / "gone.csv").write_text("id,amount,text\n6,n/a,six\n")
    (folder / "c.jsonl").write_text('{"id": 1, "v": 1}\n{"id": 2, "v": 2.5}\n{"id": 3, "v": "three"}\n{"id": 4}\n')
    with sqlite3.connect(folder / "d.db") as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, amount)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(1, 5), (2, "six"), (3, None), (4, 7.5)])
    database.close()
    home = Home(scene, "collected")
    sources = connection("files", files={"location": str(folder)}) + connection("base", sqlite={"path": str(folder / "d.db")})
    types = {"id": "int64", "amount": "int64"}

    home.apply(sources)
    spec = {"steps": [{"name": "take", "collect": {"from": "files", "files": "*.csv", "into": "lake.ods.csv", "mode": "append", "columns": types}},
                      {"name": "zipped", "collect": {"from": "files", "files": "*.zip", "members": "*.csv", "csv": {}, "into": "lake.ods.csv",
                                                     "mode": "append", "columns": types}}]}
    first = json.dumps(spec)
    home.apply(f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: text\nspec: {first}\n")
    home.apply(collect("lines", "files", into="lake.ods.lines", files="c.jsonl", mode="append", columns={"id": "int64", "v": "int64"})
               + collect("rows", "base", into="lake.ods.rows", table="main.t", mode="append", cursor="id", columns={"id": "int64", "amount": "int64"}))
    ran = [home.start(name) for name in ("text", "lines", "rows")]
    scene.check("everything is collected once", all(run.state == "succeeded" for run in ran), "\n".join(map(str, ran)))
    scene.check("what fits is in the tables", (column(home, "lake.ods.csv", "id"), column(home, "lake.ods.lines", "id"), column(home, "lake.ods.rows", "id"))
                == ([1, 5], [1, 4], [1, 3]), column(home, "lake.ods.csv", "id"))
    before = {name: collections.Counter(map(tuple, (row.values() for row in home.table(f"lake.ods.{name}__quarantine").to_pylist())))
              for name in ("csv", "lines", "rows")}

    found, done = replay(home, "lake.ods.csv", "--dry-run")
    scene.check("by the old declaration nothing fits", found is not None and all(step["moved"] == 0 for step in found.values())
                and sum(step["records"] for step in found.values()) == 4, f"{found} {done.stderr}")

    # Today n/a means nothing, and numbers have halves.
    for step in spec["steps"]:
        step["collect"]["csv"] = {"nulls": ["n/a"]}
    home.apply(f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: text\nspec: {json.dumps(spec)}\n")
    home.apply(collect("lines", "files", into="lake.ods.lines", files="c.jsonl", mode="append", columns={"id": "int64", "v": "decimal(38,1)"},
                       evolve="widen"))
    (folder / "gone.csv").unlink()
    found, done = replay(home, "lake.ods.csv", "--dry-run")
    scene.check("a dry run says what would fit", found and found["take"]["moved"] == 1 and found["zipped"]["moved"] == 1
                and found["take"]["stayed"] == {"value_unfit": 1, "file_unknown": 1}, f"{found} {done.stderr}")
    same = collections.Counter(map(tuple, (row.values() for row in home.table("lake.ods.csv__quarantine").to_pylist())))
    scene.check("and changes nothing", column(home, "lake.ods.csv", "id") == [1, 5] and same == before["csv"], same)
    done = home.run("quarantine", "replay", "lake.ods.csv", "--progress", "none")
    scene.check("the command tells it in words", done.returncode == 0 and "1 went to the table, 2 stay" in done.stdout, done.stdout + done.stderr)
    rows = {row["id"]: (row["amount"], row["text"]) for row in home.table("lake.ods.csv").to_pylist()}
    scene.check("records are read by the head of their own file", rows == {1: (10, "one"), 2: (None, "two"), 4: (None, "fo,ur"), 5: (50, "five")},
                rows)
    left = {row["position"]: (row["cause"], bytes(row["raw"]).decode()) for row in home.table("lake.ods.csv__quarantine").to_pylist()}
    scene.check("the others stay as they came, with the cause of today",
                left == {"a.csv:4": ("value_unfit", "3,thirty,three"), "gone.csv:2": ("file_unknown", "6,n/a,six")}, left)
    old = {tuple(row)[5]: tuple(row)[:3] for row in before["csv"]}
    kept = {row["position"]: (row["run"], row["step"], row["at"]) for row in home.table("lake.ods.csv__quarantine").to_pylist()}
    scene.check("and with the run that found them", all(old[place] == found for place, found in kept.items()), f"{old} {kept}")
    found, done = replay(home, "lake.ods.csv")
    scene.check("a second replay doubles nothing", column(home, "lake.ods.csv", "id") == [1, 2, 4, 5] and found["take"]["moved"] == 0, f"{found} {done.stderr}")

    found, done = replay(home, "lake.ods.lines")
    scene.check("JSON keeps its types", found and found["take"] == {"records": 2, "moved": 1, "stayed": {"value_unfit": 1}}
                and column(home, "lake.ods.lines", "id") == [1, 2, 4], f"{found} {done.stderr}")
    found, done = replay(home, "lake.ods.rows", "--cause", "value_unfit")
    scene.check("rows of a database that still do not fit stay", found and found["take"] == {"records": 2, "moved": 0, "stayed": {"value_unfit": 2}}, f"{found} {done.stderr}")
    # The table is widened by the declaration, so halves fit; words still do not.
    home.apply(collect("rows", "base", into="lake.ods.rows", table="main.t", mode="append", cursor="id", evolve="widen",
                       columns={"id": "int64", "amount": "decimal(38,1)"}))
    found, done = replay(home, "lake.ods.rows")
    rows = {row["id"]: row["amount"] and str(row["amount"]) for row in home.table("lake.ods.rows").to_pylist()}
    scene.check("with a wider declaration they go in", found and found["take"]["moved"] == 1 and rows == {1: "5.0", 3: None, 4: "7.5"}, f"{found} {rows} {done.stderr}")

    done = home.run("quarantine", "replay", "lake.ods.csv", "--cause", "no such cause", "-o", "json")
    scene.check("nothing to replay is said", done.returncode == 1 and "replay_nothing" in done.stderr, f"{done.returncode} {done.stderr}")
    home.run("delete", "Pipeline/text", "-y")
    done = home.run("quarantine", "replay", "lake.ods.csv", "-o", "json")
    scene.check("a step that nobody declares is named", done.returncode == 1 and "replay_step_gone" in done.stderr and "take" in done.stderr, done.stderr)


def checked(scene):
    """Rows of a query go through the checks of today."""
    home = Home(scene, "checked")

    def declare(most, day, more=()):
        checks = [{"name": "within", "range": {"column": "v", "min": 0, "max": most}, "on_failure": "quarantine"},
                  {"name": "known-day", "sql": f"day <= cast({day} as date)", "on_failure": "quarantine"}, *more]
        query = ("SELECT column1 AS id, column2 AS v, cast(column3 AS decimal(20,3)) AS d, cast(column4 AS date) AS day, "
                 "cast(column4 || 'T01:02:03.000004Z' AS timestamp with time zone) AS at, column5 AS t "
                 "FROM (VALUES (1, 5.5, '12345678901234567.125', '2026-01-01', 'a'), (2, 11, '-0.001', '2026-01-02', 'b\"\n'), "
                 "(3, 99, '7', '2026-01-03', NULL), (4, -1, NULL, '2026-01-04', '{}'), (5, 6, '1', '2027-01-01', 'late'))")
        step = {"name": "make", "sql": {"into": "lake.dwd.checked", "mode": "append", "query": query, "checks": checks}}
        home.apply("---\napiVersion: dataux/v1\nkind: Pipeline\nname: checked\nspec: "
                   + json.dumps({"steps": [step], "parameters": {"day": "2026-12-31"}}) + "\n")

    declare(10, "${day}")
    ran = home.start("checked")
    scene.check("the checks hold back four rows", ran.state == "succeeded" and ran.step("make")["rejected"] == 4, ran)
    declare(50, "${day}")
    found, done = replay(home, "lake.dwd.checked")
    scene.check("a wider range lets one in", found and found["make"] == {"records": 4, "moved": 1, "stayed": {"within": 2, "known-day": 1}}, f"{found} {done.stderr}")
    declare(100, "'2030-01-01'", [{"name": "not-three", "sql": "id <> 3", "on_failure": "stop"}, {"name": "odd", "sql": "id % 2 = 0", "on_failure": "warn"}])
    found, done = replay(home, "lake.dwd.checked")
    scene.check("a row at which the step would stop stays", found and found["make"]["stayed"] == {"within": 1, "not-three": 1} and found["make"]["moved"] == 1, f"{found} {done.stderr}")
    duck = __import__("duckdb").connect()
    wanted = duck.execute("SELECT * FROM (VALUES (1, 5.5, '12345678901234567.125'::decimal(20,3), DATE '2026-01-01', 'a'), "
                          "(2, 11, -0.001, DATE '2026-01-02', 'b\"\n'), (5, 6, 1, DATE '2027-01-01', 'late')) ORDER BY 1").fetchall()
    rows = sorted((row["id"], row["v"], row["d"], row["day"], row["t"]) for row in home.table("lake.dwd.checked").to_pylist())
    scene.check("and their values lost nothing on the way", rows == [(a, float(b), c, d, e) for a, b, c, d, e in wanted], f"{rows} {wanted}")
    at = [row["at"].isoformat() for row in home.table("lake.dwd.checked").to_pylist() if row["id"] == 2]
    scene.check("nor did their times", at == ["2026-01-02T01:02:03.000004+00:00"], at)


def merged(scene):
    """A merge whose table cannot take the new types is refused as a whole."""
    home = Home(scene, "merged")
    base = scene.folder / "merged.db"
    with sqlite3.connect(base) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, amount)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(1, 1), (2, "two"), (3, 3)])
    database.close()
    source = connection("base", sqlite={"path": str(base)})
    step = dict(into="lake.ods.merged", table="main.t", mode="merge", keys=["id"])
    home.apply(source + collect("merged", "base", columns={"id": "int64", "amount": "int64"}, **step))
    ran = home.start("merged")
    scene.check("a merge sets a bad row aside", ran.state == "succeeded" and ran.step("take")["rejected"] == 1, ran)
    home.apply(source + collect("merged", "base", columns={"id": "int64", "amount": "string"}, evolve="widen", **step))
    found, done = replay(home, "lake.ods.merged")
    scene.check("a type that the table cannot take is refused, and nothing moves",
                done.returncode == 1 and "lake_columns_differ" in done.stderr and "`amount`" in done.stderr
                and column(home, "lake.ods.merged", "id") == [1, 3] and len(home.table("lake.ods.merged__quarantine")) == 1, done.stderr)
    ran = home.run("runs", "-o", "json")
    scene.check("the failed replay is a run like others", '"failed"' in ran.stdout, ran.stdout[:500])
    cut_merge(scene, home, base, source + collect("merged", "base", columns={"id": "int64", "amount": "int64"}, **step))


def cut_merge(scene, home, base, declared):
    """A whole table is read anew after a kill between the quarantine's commit and its own: the quarantine goes with what was read last."""
    home.apply(declared)
    for what, changes, left in (("others are bad by then", {2: 2, 3: "three"}, ["three", "two"]), ("none is bad any more", {3: 33}, ["three", "two"])):
        home.start("merged")
        # Its commit never came to be.
        max((home.path / "lake" / "ods" / "merged" / "_delta_log").glob("*.json")).unlink()
        with sqlite3.connect(base) as database:
            database.executemany("UPDATE t SET amount = ? WHERE id = ?", [(amount, number) for number, amount in changes.items()])
        database.close()
        ran = home.start("merged")
        raws = sorted(json.loads(bytes(raw))["amount"] for raw in home.table("lake.ods.merged__quarantine").column("raw").to_pylist())
        scene.check(f"merge cut, {what}: the quarantine has what was read last", ran.state == "succeeded" and raws == left, f"{raws} {ran}")
    rows = dict(zip(*(home.table("lake.ods.merged").column(name).to_pylist() for name in ("id", "amount"))))
    scene.check("merge cut: and so has the table", rows == {1: 1, 2: 2, 3: 33}, rows)


def cut_between_commits(scene):
    """The state of a kill between the table's commit and the quarantine's, made by hand; whoever comes next ends it."""
    for number, then in enumerate(("replay", "drop", "optimize", "append")):
        home = Home(scene, f"cut{number}")
        folder = scene.folder / f"cut-in{number}"
        folder.mkdir()
        (folder / "a.csv").write_text("id,v\n" + "".join(f"{n},{'x' if n % 3 == 0 else n}\n" for n in range(300)))
        source = connection("files", files={"location": str(folder)})
        home.apply(source + collect("take", "files", into="lake.ods.cut", files="*.csv", mode="append", columns={"id": "int64", "v": "int64"}))
        home.start("take")
        if then == "optimize":
            # Two files, which optimizing puts together.
            (folder / "b.csv").write_text("id,v\n" + "".join(f"{n},x\n" for n in range(300, 310)))
            home.start("take")
        home.apply(source + collect("take", "files", into="lake.ods.cut", files="*.csv", mode="append", columns={"id": "int64", "v": "int64"},
                                    csv={"nulls": ["x"]}))
        found, done = replay(home, "lake.ods.cut")
        total = 310 if then == "optimize" else 300
        scene.check(f"cut, then {then}: the replay takes all", column(home, "lake.ods.cut", "id") == sorted(range(total), key=str), f"{found} {done.stderr}")
        log = home.path / "lake" / "ods" / "cut__quarantine" / "_delta_log"
        last = max(log.glob("*.json"))
        last.unlink()
        scene.check(f"cut, then {then}: records are in both", len(home.table("lake.ods.cut__quarantine")) > 0)
        if then == "drop":
            home.run("quarantine", "drop", "lake.ods.cut", "-y")
        elif then == "optimize":
            home.run("table", "optimize", "lake.ods.cut__quarantine")
        elif then == "append":
            (folder / "late.csv").write_text("id,v\n1000,y\n")
            home.start("take")
        found, done = replay(home, "lake.ods.cut")
        ids = column(home, "lake.ods.cut", "id")
        scene.check(f"cut, then {then}: nothing is doubled", ids == sorted(range(total), key=str), f"{len(ids)} {found} {done.stderr}")
        left = home.table("lake.ods.cut__quarantine").column("position").to_pylist()
        scene.check(f"cut, then {then}: nothing is left but what is bad", left == (["late.csv:2"] if then == "append" else []), left[:5])


def dropped(scene):
    home = Home(scene, "dropped")
    folder = scene.folder / "dropped-in"
    folder.mkdir()
    (folder / "a.csv").write_text("id,v\n1,1\n2,x\n3\n4,y\n")
    home.apply(connection("files", files={"location": str(folder)})
               + collect("take", "files", into="lake.ods.d", files="*.csv", mode="append", columns={"id": "int64", "v": "int64"}))
    home.start("take")
    done = home.run("quarantine", "drop", "lake.ods.d", "--cause", "value_unfit")
    scene.check("dropping asks first", done.returncode != 0 and len(home.table("lake.ods.d__quarantine")) == 3, done.stdout + done.stderr)
    done = home.run("quarantine", "drop", "lake.ods.d", "--cause", "value_unfit", "-y", "-o", "json")
    scene.check("records of a cause go", done.returncode == 0 and json.loads(done.stdout)["dropped"] == 2, done.stdout + done.stderr)
    left = home.table("lake.ods.d__quarantine").column("cause").to_pylist()
    scene.check("and only those", left == ["too_few_fields"], left)
    audit = home.run("audit", "list", "-o", "json").stdout
    scene.check("the audit says who dropped what", '"quarantine.drop"' in audit and "value_unfit" in audit, audit[:600])
    done = home.run("quarantine", "drop", "lake.ods.d", "--cause", "value_unfit", "-y")
    scene.check("dropping nothing is said", done.returncode == 1, done.stdout + done.stderr)


def killed(scene, seed):
    """Replays that are killed at random moments, with the declaration turned back and forth between them."""
    draw = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    home = Home(scene, "killed")
    folder = scene.folder / "killed-in"
    folder.mkdir()
    source = connection("files", files={"location": str(folder)})
    lines, words = collections.Counter(), ["n/a", "none", "x", "unknown"]

    def declare(nulls):
        home.apply(source + collect("take", "files", into="lake.ods.killed", files="*.csv", mode="append", columns={"id": "int64", "v": "int64"},
                                    csv={"nulls": nulls}))

    def compare(what):
        found = collections.Counter(home.table("lake.ods.killed").column("id").to_pylist())
        kept = [next(csv.reader([bytes(raw).decode()])) for raw in home.table("lake.ods.killed__quarantine").column("raw").to_pylist()]
        found.update(int(row[0]) for row in kept)
        scene.check(f"{what}: each line is in the table or in quarantine, once", found == lines, difference(found.elements(), lines.elements()))

    known, next_id, usual = [], 0, 1.0
    for number in range(KILLS + 1):
        rows = [(next_id + n, draw.choice(words)) for n in range(ROUND_BAD)]
        next_id += ROUND_BAD
        (folder / f"part{number}.csv").write_text("id,v\n" + "".join(f"{n},{word}\n" for n, word in rows))
        lines.update(n for n, _ in rows)
        declare(known)
        ran = home.start("take")
        scene.check(f"round {number}: the lines are set aside", ran.state == "succeeded", ran)
        known = draw.sample(words, draw.randint(1, len(words) - 1))
        declare(known)
        began = time.monotonic()
        if number == 0:
            found, done = replay(home, "lake.ods.killed")
            usual = time.monotonic() - began
            scene.check("an undisturbed replay moves records", found and found["take"]["moved"] > 0, done.stderr)
            compare("before any kill")
            continue
        moment = draw.uniform(0.1, usual * 1.1)
        what = f"kill {number} after {moment:.2f} s (seed {seed})"
        process = subprocess.Popen([scenes.DATAUX, "quarantine", "replay", "lake.ods.killed", "--home", home.path, "--progress", "none"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=scenes.plain_environment())
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if draw.random() < 0.5:
            # The declaration is another one by the time somebody goes on.
            known = draw.sample(words, draw.randint(1, len(words) - 1))
            declare(known)
        with Server(home.path):
            ended(scene, home, what)
        compare(what)


if __name__ == "__main__":
    main()
