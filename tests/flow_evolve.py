"""Columns that change: as far as a step declares it and no further, and old versions keep theirs. A first write that fails leaves no table."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import Scene
from trouble import Home, collect, connection


def main():
    with Scene("flow_evolve") as scene:
        sources_grow(scene)
        queries_change(scene)
        nothing_is_left(scene)


def refused(scene, what, ran, *words):
    error = ran.error
    scene.check(f"{what} is refused", ran.state == "failed" and error.get("code") == "lake_columns_differ", ran)
    scene.check(f"{what}: the message names the column", all(word in error.get("message", "") for word in words), error)
    scene.check(f"{what}: there is advice", bool(error.get("hint")), error)


def types(home, table):
    return {field.name: str(field.type) for field in home.table(table).schema}


def sources_grow(scene):
    folder = scene.folder / "in"
    folder.mkdir()
    home = Home(scene, "sources")
    files = connection("files", files={"location": str(folder)})

    def declare(evolve=None, mode="append", **columns):
        more = {"evolve": evolve} if evolve else {}
        home.apply(files + collect("take", "files", into="lake.ods.t", files="*.csv", mode=mode, columns=columns, **more))

    (folder / "a.csv").write_text("id,price,rate\n1,1.25,0.5\n2,2.50,1.5\n")
    declare(id="int32", price="decimal(6,2)", rate="float32")
    ran = home.start("take")
    scene.check("the table begins narrow", ran.state == "succeeded" and types(home, "lake.ods.t") == {"id": "int32", "price": "decimal128(6, 2)", "rate": "float"}, types(home, "lake.ods.t"))
    (folder / "b.csv").write_text("id,price,rate,note\n3,3.75,2.5,new\n")
    refused(scene, "a new column", home.start("take"), "`note`", "new")
    declare("add", id="int32", price="decimal(6,2)", rate="float32")
    ran = home.start("take")
    rows = {row["id"]: row["note"] for row in home.table("lake.ods.t").to_pylist()}
    scene.check("declared, it is added, and empty for old rows", ran.state == "succeeded" and rows == {1: None, 2: None, 3: "new"}, f"{rows} {ran}")
    (folder / "c.csv").write_text("id,price,rate,note\n5000000000,123456.75,1e300,wide\n")
    declare("add", id="int64", price="decimal(10,2)", rate="float64")
    refused(scene, "a wider type under `add`", home.start("take"), "`id`", "Int64", "Int32")
    declare("widen", id="int64", price="decimal(10,2)", rate="float64")
    ran = home.start("take")
    scene.check("declared, types become wider", ran.state == "succeeded" and types(home, "lake.ods.t")
                == {"id": "int64", "price": "decimal128(10, 2)", "rate": "double", "note": "string"}, f"{types(home, 'lake.ods.t')} {ran}")
    rows = sorted((row["id"], str(row["price"]), row["rate"]) for row in home.table("lake.ods.t").to_pylist())
    scene.check("and no value is lost", rows == [(1, "1.25", 0.5), (2, "2.50", 1.5), (3, "3.75", 2.5), (5000000000, "123456.75", 1e300)], rows)
    old = home.rows("SELECT * FROM lake.ods.t VERSION AS OF 0 ORDER BY 1")
    scene.check("old versions keep their columns", old == [[1, "1.25", 0.5], [2, "2.50", 1.5]] or old == [[1, 1.25, 0.5], [2, 2.5, 1.5]], old)
    (folder / "d.csv").write_text("id,price,rate,note\nx,1,1,words\n")
    declare("widen", id="string", price="decimal(10,2)", rate="float64")
    refused(scene, "a type that is not wider", home.start("take"), "`id`", "Utf8", "Int64")
    (folder / "d.csv").write_text("id,price,rate\n7,1,1\n")
    declare("widen", id="int64", price="decimal(10,2)", rate="float64")
    refused(scene, "a column that is gone", home.start("take"), "`note`", "missing")
    scene.check("and nothing of it was written", len(home.table("lake.ods.t")) == 4)


def queries_change(scene):
    home = Home(scene, "queries")

    def declare(query, mode="append", evolve=None):
        step = {"name": "make", "sql": {"into": "lake.dwd.t", "mode": mode, "query": query, **({"evolve": evolve} if evolve else {})}}
        home.apply("---\napiVersion: dataux/v1\nkind: Pipeline\nname: make\nspec: " + json.dumps({"steps": [step]}) + "\n")
        return home.start("make")

    ran = declare("SELECT 1 AS n, 'a' AS t")
    scene.check("a query makes a table", ran.state == "succeeded", ran)
    ran = declare("SELECT CAST(NULL AS bigint) AS n, 'b' AS t")
    scene.check("an empty value where none may be is refused", ran.state == "failed" and ran.error.get("code") == "lake_null_not_allowed", ran)
    ran = declare("SELECT CAST(NULL AS bigint) AS n, 'b' AS t", evolve="widen")
    scene.check("declared, it may be empty", ran.state == "succeeded" and sorted(map(str, home.table("lake.dwd.t").column("n").to_pylist())) == ["1", "None"], ran)
    version = len(home.run("table", "history", "lake.dwd.t", "-o", "name", "--limit", "100").stdout.split()) - 1
    refused(scene, "other columns in mode replace", declare("SELECT 'x' AS n, 2.5 AS more", "replace"), "`n`")
    ran = declare("SELECT 'x' AS n, 2.5 AS more", "replace", "replace")
    scene.check("declared, the table takes them", ran.state == "succeeded" and home.table("lake.dwd.t").to_pylist() == [{"n": "x", "more": 2.5}], f"{home.table('lake.dwd.t').to_pylist()} {ran}")
    old = home.rows(f"SELECT n, t FROM lake.dwd.t VERSION AS OF {version} ORDER BY t")
    scene.check("time travel still reads the old ones", old == [[1, "a"], [None, "b"]], old)
    ran = declare("SELECT 'y' AS n, 1.5 AS more, 7 AS last", "replace", "add")
    scene.check("in mode replace a column is added in the same commit", ran.state == "succeeded"
                and home.table("lake.dwd.t").to_pylist() == [{"n": "y", "more": 1.5, "last": 7}], ran)
    file = scene.folder / "wrong.yaml"
    step = {"name": "make", "sql": {"into": "lake.dwd.t", "mode": "append", "query": "SELECT 1 AS n", "evolve": "replace"}}
    file.write_text("apiVersion: dataux/v1\nkind: Pipeline\nname: wrong\nspec: " + json.dumps({"steps": [step]}) + "\n")
    done = home.run("apply", "-f", file)
    scene.check("only who replaces rows may replace columns", done.returncode != 0 and "evolve" in done.stderr, done.stderr)


def nothing_is_left(scene):
    """A first write that fails after its first rows."""
    home = Home(scene, "nothing")
    checks = [{"name": "small", "sql": "n < 90000", "on_failure": "stop"}]
    numbers = "(VALUES " + ", ".join(f"({n})" for n in range(400)) + ")"
    query = f"SELECT a.column1 * 400 + b.column1 AS n FROM {numbers} a CROSS JOIN {numbers} b"
    steps = [{"name": "make", "sql": {"into": "lake.dwd.never", "query": query, "checks": checks}}]
    home.apply("---\napiVersion: dataux/v1\nkind: Pipeline\nname: never\nspec: " + json.dumps({"steps": steps}) + "\n")
    ran = home.start("never")
    scene.check("a check stops the first write", ran.error.get("code") == "check_failed", ran)
    scene.check("no table is left behind", home.table("lake.dwd.never") is None)
    left = list((home.path / "lake").rglob("*.parquet"))
    scene.check("and no file", left == [], left)
    checks[0]["on_failure"] = "warn"
    home.apply("---\napiVersion: dataux/v1\nkind: Pipeline\nname: never\nspec: " + json.dumps({"steps": steps}) + "\n")
    ran = home.resume(ran)
    history = home.run("table", "history", "lake.dwd.never", "-o", "name").stdout.split()
    scene.check("the table and its first rows are one commit", ran.state == "succeeded" and len(history) == 1 and len(home.table("lake.dwd.never")) == 160_000, f"{history} {ran}")


if __name__ == "__main__":
    main()
