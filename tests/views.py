"""Declared views: they answer what DuckDB's views answer, with the rights of who declared them, and nobody sees behind them."""

import json
import pathlib
import random
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import duckdb
from deltalake import DeltaTable
from scene import Scene, Server
from trouble import CHINESE, Home, collect, connection, http

ROWS = 4_000
# Longest time in which a change that another process made may go unnoticed, in seconds.
NOTICED_SECONDS = 5
# Calls of one service in a row: enough for its plan to be kept and its table to be in memory.
CALLS = 8

# In an order in which DuckDB can make them; the platform gets them in another.
VIEWS = {
    "late": "SELECT id, carrier, day, delay FROM lake.ods.flights WHERE delay > 15",
    "by_carrier": "SELECT carrier, count(*) AS flights, sum(delay) AS delay FROM lake.ods.flights GROUP BY carrier",
    "named": "SELECT f.id, f.delay, c.name AS carrier_name FROM ods.flights f JOIN lake.ods.carriers c ON c.carrier = f.carrier",
    "worst": "SELECT carrier, max(delay) AS worst FROM lake.ads.late GROUP BY carrier",
    "both": "SELECT carrier, flights AS n FROM lake.ads.by_carrier UNION ALL SELECT carrier, CAST(worst AS BIGINT) FROM ads.worst",
    "ranked": "SELECT *, row_number() OVER (PARTITION BY carrier ORDER BY delay DESC, id) AS place FROM lake.ads.late",
    "top": "WITH a AS (SELECT * FROM lake.ads.ranked WHERE place <= 3) SELECT carrier, id, place FROM a ORDER BY carrier, place LIMIT 9",
    "never": "SELECT carrier FROM lake.ods.carriers c WHERE NOT EXISTS (SELECT 1 FROM lake.ods.flights f WHERE f.carrier = c.carrier)",
}
QUERIES = (
    "SELECT * FROM lake.ads.late ORDER BY id",
    "SELECT count(*) FROM lake.ads.late",
    "SELECT carrier, count(*) AS n FROM lake.ads.late WHERE day >= DATE '2013-02-01' AND delay BETWEEN 20 AND 60 GROUP BY carrier ORDER BY carrier",
    "SELECT l.id, b.flights FROM lake.ads.late l JOIN lake.ads.by_carrier b USING (carrier) WHERE l.id < 500 ORDER BY l.id",
    "SELECT late.id FROM lake.ads.late WHERE late.carrier = 'UA' ORDER BY late.id LIMIT 7",
    "SELECT x.worst FROM lake.ads.worst AS x ORDER BY 1 DESC",
    "SELECT * FROM lake.ads.both ORDER BY carrier, n",
    "SELECT id, place FROM lake.ads.ranked WHERE place = 2 ORDER BY id",
    "SELECT * FROM lake.ads.top ORDER BY carrier, place",
    "SELECT carrier FROM lake.ads.never",
    "SELECT carrier_name, avg(delay) AS d FROM lake.ads.named WHERE carrier_name LIKE 'n%' GROUP BY 1 ORDER BY 1",
    "SELECT a.id FROM lake.ads.late a JOIN lake.ads.late b ON b.id = a.id + 1 WHERE a.carrier = b.carrier ORDER BY a.id",
    "SELECT carrier FROM lake.ads.by_carrier WHERE delay > (SELECT avg(delay) FROM lake.ads.by_carrier) ORDER BY 1",
)


def view(name, sql, **more):
    return f"---\napiVersion: dataux/v1\nkind: View\nname: {name}\nspec: {json.dumps({'sql': sql, **more})}\n"


def pipeline(name, *steps):
    return f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: {name}\nspec: {json.dumps({'steps': list(steps)})}\n"


def step(name, query, into, mode="replace", **more):
    return {"name": name, "sql": {"into": into, "mode": mode, "query": query, **more}}


def service(name, sql, parameters="{}"):
    return f"---\napiVersion: dataux/v1\nkind: DataService\nname: {name}\nspec: {{sql: {json.dumps(sql)}, parameters: {parameters}}}\n"


def grant(name, who, allow, *on):
    spec = {"to": {"user": who}, "allow": allow, "on": list(on)}
    return f"---\napiVersion: dataux/v1\nkind: Grant\nname: {name}\nspec: {json.dumps(spec)}\n"


def user(name):
    return f"---\napiVersion: dataux/v1\nkind: User\nname: {name}\nspec: {{}}\n"


def flights(first, last):
    chance = random.Random(first)
    rows = (f"{id},{chance.choice(['UA', 'AA', 'DL', 'WN'])},2013-{chance.randrange(1, 4):02}-{chance.randrange(1, 29):02},{chance.randrange(-20, 90)}"
            for id in range(first, last))
    return "id,carrier,day,delay\n" + "".join(row + "\n" for row in rows)


def main():
    with Scene("views") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        (folder / "f-1.csv").write_text(flights(0, ROWS))
        (folder / "c.csv").write_text("carrier,name\nUA,north\nAA,near\nDL,south\nWN,west\nXX,nowhere\n")
        home = Home(scene)
        columns = {"id": "int64", "carrier": "string", "day": "date", "delay": "int32"}
        home.apply(connection("in", files={"location": str(folder)})
                   + collect("flights", "in", "lake.ods.flights", files="f-*.csv", columns=columns, mode="append")
                   + collect("carriers", "in", "lake.ods.carriers", files="c.csv", columns={"carrier": "string", "name": "string"}))
        # The tables are not there yet: whoever installs a platform applies all at once.
        home.apply("".join(view(f"lake.ads.{name}", sql) for name, sql in reversed(VIEWS.items())))
        for name in ("flights", "carriers"):
            ran = home.start(name)
            scene.check(f"{name} is collected", ran.state == "succeeded", ran)
        answers(scene, home)
        declared(scene, home)
        wrong(scene, home)
        names(scene, home)
        piles(scene, home)
        pushed_down(scene, home)
        steps(scene, home, folder)
        rights(scene, home)
        stale(scene, home)
        vanished(scene, home)


def oracle(home):
    """DuckDB with the lake's tables, read by another Delta reader, and with the same views."""
    found = duckdb.connect()
    found.sql("attach ':memory:' as lake")
    found.sql("use lake")
    for schema, table in (("ods", "flights"), ("ods", "carriers")):
        found.sql(f"create schema if not exists lake.{schema}")
        rows = DeltaTable(str(home.path / "lake" / schema / table)).to_pyarrow_table()
        found.register("rows", rows)
        found.sql(f"create table lake.{schema}.{table} as select * from rows")
        found.unregister("rows")
    found.sql("create schema lake.ads")
    for name, sql in VIEWS.items():
        found.sql(f"create view lake.ads.{name} as {sql}")
    return found


def plain(rows):
    return [[value.isoformat() if hasattr(value, "isoformat") else round(value, 9) if isinstance(value, float) else
             float(value) if type(value).__name__ == "Decimal" else value for value in row] for row in rows]


def answers(scene, home):
    known = oracle(home)
    for sql in QUERIES:
        found, expected = plain(home.rows(sql)), plain(known.sql(sql).fetchall())
        scene.check(f"as DuckDB answers: {sql}", found == expected and (len(found) > 0), f"{found[:5]}\n    {expected[:5]}")


def declared(scene, home):
    """One view through every verb, and where it is listed."""
    text = view("lake.ads.shown", "SELECT id AS flight, delay FROM lake.ods.flights", description="All flights", columns={"delay": "minutes"})
    file = scene.folder / "shown.yaml"
    file.write_text(text)
    done = home.run("diff", "-f", file)
    scene.check("diff shows a new view", done.returncode == 3 and "lake.ads.shown" in done.stdout, f"{done.returncode} {done.stdout}{done.stderr}")
    for expected in ("created", "unchanged"):
        done = home.run("apply", "-f", file, "-o", "json")
        scene.check(f"apply: {expected}", done.returncode == 0 and expected in done.stdout, done.stdout + done.stderr)
    done = home.run("get", "view", "-o", "name")
    scene.check("get lists it", "view/lake.ads.shown" in done.stdout, done.stdout + done.stderr)
    done = home.run("get", "view", "lake.ads.shown", "-o", "json")
    scene.check("get shows it", "All flights" in done.stdout, done.stdout + done.stderr)
    done = home.run("describe", "View/lake.ads.shown")
    scene.check("describe shows the declaration", done.returncode == 0 and "All flights" in done.stdout, done.stdout + done.stderr)
    found = json.loads(home.run("describe", "lake.ads.shown", "-o", "json").stdout)
    scene.check("describe shows the columns", [(column["name"], column["type"], column.get("description")) for column in found["columns"]]
                == [("flight", "Int64", None), ("delay", "Int32", "minutes")] and found["kind"] == "view" and found["description"] == "All flights"
                and "lake.ods.flights" in found["sql"], found)
    done = home.run("schema", "View")
    schema = json.loads(done.stdout) if done.returncode == 0 else {}
    scene.check("there is a schema", schema.get("properties", {}).get("kind") == {"const": "View"} and "pattern" in schema["properties"]["name"], done.stdout)
    found = home.rows("SELECT table_type FROM information_schema.tables WHERE table_catalog = 'lake' AND table_schema = 'ads' AND table_name = 'shown'")
    scene.check("information_schema.tables", found == [["VIEW"]], found)
    found = home.rows("SELECT table_type FROM information_schema.tables WHERE table_schema = 'ods' AND table_name = 'flights'")
    scene.check("a table is a table", found == [["BASE TABLE"]], found)
    found = home.rows("SELECT definition FROM information_schema.views WHERE table_name = 'shown'")
    scene.check("information_schema.views", len(found) == 1 and "lake.ods.flights" in found[0][0], found)
    found = home.rows("SELECT count(*) FROM information_schema.views WHERE table_name = 'flights'")
    scene.check("tables are not among the views", found == [[0]], found)
    found = home.rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'ads' AND table_name = 'shown' ORDER BY ordinal_position")
    scene.check("information_schema.columns", found == [["flight", "Int64"], ["delay", "Int32"]], found)
    found = {row[2]: row[3] for row in home.rows("SHOW TABLES") if row[1] == "ads"}
    scene.check("SHOW TABLES", found.get("shown") == "VIEW", found)
    scene.check("describe in SQL", [row[0] for row in home.rows("DESCRIBE lake.ads.shown")] == ["flight", "delay"])
    file.write_text(text.replace("minutes", "late, in minutes"))
    done = home.run("diff", "-f", file)
    scene.check("diff shows what is different", "late, in minutes" in done.stdout, done.stdout + done.stderr)
    home.scene.must("apply", "--home", home.path, "-f", file)
    done = home.run("delete", "View/lake.ads.shown", "-y")
    scene.check("delete", done.returncode == 0, done.stderr)
    done = home.run("sql", "-c", "SELECT * FROM lake.ads.shown")
    scene.check("it is gone", done.returncode == 1 and "does not exist" in done.stderr, done.stderr)


def refused(scene, home, what, text, *words, code=1):
    file = scene.folder / "refused.yaml"
    file.write_text(text)
    done = home.run("apply", "-f", file)
    said = done.stdout + done.stderr
    scene.check(f"refused: {what}", done.returncode == code and all(word in said for word in words), f"{done.returncode} {said}")


HEAD = "apiVersion: dataux/v1\nkind: View\nname: lake.ads.wrong\nspec:\n"


def wrong(scene, home):
    refused(scene, home, "an unknown field", HEAD + "  sql: SELECT 1 AS a\n  descripton: x\n", "refused.yaml:6:3", "did you mean `description`")
    refused(scene, home, "no SQL", HEAD + "  description: x\n", "refused.yaml:", "sql")
    refused(scene, home, "a word for a name", HEAD.replace("lake.ads.wrong", "wrong") + "  sql: SELECT 1 AS a\n", "refused.yaml:3:1", "lake.schema.name")
    refused(scene, home, "half a name", HEAD.replace("lake.ads.wrong", "ads.wrong") + "  sql: SELECT 1 AS a\n", "refused.yaml:3:", "lake.schema.name")
    refused(scene, home, "another catalog", HEAD.replace("lake.ads.wrong", "in.ads.wrong") + "  sql: SELECT 1 AS a\n", "refused.yaml:3:")
    refused(scene, home, "a quarantine", HEAD.replace("lake.ads.wrong", "lake.ads.wrong__quarantine") + "  sql: SELECT 1 AS a\n", "refused.yaml:3:1")
    refused(scene, home, "information_schema", HEAD.replace("lake.ads.wrong", "lake.information_schema.wrong") + "  sql: SELECT 1 AS a\n", "refused.yaml:3:1")
    refused(scene, home, "what does not parse", HEAD + "  sql: SELEC 1\n", "refused.yaml:5:1", "sql")
    refused(scene, home, "what writes", HEAD + "  sql: DROP TABLE lake.ods.flights\n", "refused.yaml:5:1", "only queries")
    refused(scene, home, "a parameter", HEAD + "  sql: SELECT * FROM lake.ods.flights WHERE id = $id\n", "refused.yaml:5:1", "parameter")
    refused(scene, home, "a column that is not there", HEAD + "  sql: SELECT carier FROM lake.ods.flights\n", "refused.yaml:5:1", "did you mean carrier")
    refused(scene, home, "two columns of one name", HEAD + "  sql: SELECT a.id, b.id FROM lake.ods.flights a JOIN lake.ods.flights b ON a.id = b.id\n",
            "refused.yaml:5:1", "`id`")
    refused(scene, home, "a description of nothing", HEAD + "  sql: SELECT id FROM lake.ods.flights\n  columns:\n    idd: the number\n",
            "refused.yaml:7:1", "did you mean `id`")
    refused(scene, home, "a pipeline named as a table", pipeline("lake.ads.wrong", step("a", "SELECT 1 AS a", "lake.ads.a")), "refused.yaml:4:1")
    scene.check("nothing wrong was stored", "wrong" not in home.run("get", "view").stdout)


def names(scene, home):
    """A name is a table or a view, whoever comes first."""
    refused(scene, home, "a view where a table is", view("lake.ods.flights", "SELECT 1 AS a"), "refused.yaml:4:1", "there is a table lake.ods.flights")
    refused(scene, home, "a pipeline that writes to a view", pipeline("p", step("a", "SELECT 1 AS a", "lake.ads.late")), "`lake.ads.late` is a view")
    home.apply(pipeline("writer", step("a", "SELECT 1 AS a", "lake.ads.written")))
    refused(scene, home, "a view where a pipeline will write", view("lake.ads.written", "SELECT 1 AS a"), "pipeline `writer` writes")
    refused(scene, home, "both at once", pipeline("writer2", step("a", "SELECT 1 AS a", "lake.ads.both2")) + view("lake.ads.both2", "SELECT 1 AS a"),
            "`lake.ads.both2` is a view")
    push = connection("sender", push={"targets": {"t": {"into": "lake.ads.late", "columns": {"a": "int64"}}}})
    refused(scene, home, "pushes into a view", push, "`lake.ads.late` is a view")
    home.apply(connection("sender", push={"targets": {"t": {"into": "lake.ads.sent", "columns": {"a": "int64"}}}}))
    refused(scene, home, "a view where somebody pushes", view("lake.ads.sent", "SELECT 1 AS a"), "connection `sender` writes")
    scene.must("delete", "--home", home.path, "Connection/sender", "Pipeline/writer", "-y")
    for command in (["table", "history", "lake.ads.late"], ["table", "optimize", "lake.ads.late"], ["table", "restore", "lake.ads.late", "--version", "0", "-y"]):
        done = home.run(*command)
        scene.check(f"{' '.join(command[:2])} of a view is refused", done.returncode == 1 and "is a view" in done.stderr, done.stderr)
    for sql in ("SELECT * FROM lake.ads.late VERSION AS OF 0", "SELECT * FROM lake.ads.late TIMESTAMP AS OF '2026-01-01'"):
        done = home.run("sql", "-c", sql, "-o", "json")
        error = json.loads(done.stderr.splitlines()[-1])
        scene.check(f"no version: {sql}", error["code"] == "view_has_no_versions" and error["hint"], done.stderr)
    home.apply(view("lake.ads.first", "SELECT count(*) AS n FROM lake.ods.flights VERSION AS OF 0"))
    scene.check("a version behind a view", home.rows("SELECT n FROM lake.ads.first") in ([[0]], [[ROWS]]), home.rows("SELECT n FROM lake.ads.first"))


def piles(scene, home):
    """Views on views: so many and no more, and never in a circle."""
    refused(scene, home, "a view that reads itself", view("lake.ads.circle", "SELECT * FROM lake.ads.circle"), "lake.ads.circle reads lake.ads.circle")
    refused(scene, home, "a circle in one file", view("lake.ads.a", "SELECT * FROM lake.ads.b") + view("lake.ads.b", "SELECT * FROM ads.a"), "would read itself")
    home.apply(view("lake.ads.a", "SELECT 1 AS x") + view("lake.ads.b", "SELECT x FROM lake.ads.a") + view("lake.ads.c", "SELECT x FROM lake.ads.b"))
    refused(scene, home, "a circle that is closed later", view("lake.ads.a", "SELECT x FROM lake.ads.c"), "lake.ads.a reads lake.ads.c reads lake.ads.b reads lake.ads.a")
    storeys = [view("lake.ads.s0", "SELECT id FROM lake.ods.flights WHERE id < 10")]
    # Each of them nested deeply by itself.
    nested = lambda name: "SELECT id FROM " + "(SELECT id FROM " * 15 + name + ") q" * 15
    storeys += [view(f"lake.ads.s{n}", nested(f"lake.ads.s{n - 1}")) for n in range(1, 16)]
    home.apply("".join(storeys))
    scene.check("sixteen storeys", home.rows("SELECT count(*) FROM lake.ads.s15") == [[10]])
    refused(scene, home, "seventeen storeys", view("lake.ads.s16", "SELECT id FROM lake.ads.s15"), "more than 16 views")
    twice = [view("lake.ads.w0", "SELECT id FROM lake.ods.flights WHERE id < 3")]
    twice += [view(f"lake.ads.w{n}", f"SELECT a.id FROM lake.ads.w{n - 1} a JOIN lake.ads.w{n - 1} b ON a.id = b.id") for n in range(1, 6)]
    home.apply("".join(twice))
    scene.check("a view of 32 tables", home.rows("SELECT count(*) FROM lake.ads.w5") == [[3]])
    wide = " UNION ALL ".join(["SELECT id FROM lake.ads.w5"] * 9)
    done = home.run("sql", "-c", wide, "-o", "json")
    scene.check("too many tables behind the views of a statement", json.loads(done.stderr.splitlines()[-1])["code"] == "views_too_wide", done.stderr)
    refused(scene, home, "too many tables behind a view", view("lake.ads.wide", wide), "288", "256")


def explained(home, sql):
    return "\n".join(str(row[-1]) for row in home.rows("EXPLAIN " + sql))


def pushed_down(scene, home):
    plan = explained(home, "SELECT id FROM lake.ads.late WHERE carrier = 'UA' LIMIT 3")
    scan = next((line for line in plan.splitlines() if "DataSourceExec" in line), "")
    scene.check("conditions of both reach the scan", "carrier" in scan.split("predicate")[-1] and "delay" in scan.split("predicate")[-1], plan)
    scene.check("only the columns that are needed are read", "day" not in scan, plan)
    plan = explained(home, "SELECT id FROM lake.ads.shown_all LIMIT 3") if home.apply(view("lake.ads.shown_all", "SELECT * FROM lake.ods.flights")) is None else ""
    scan = next((line for line in plan.splitlines() if "DataSourceExec" in line), "")
    scene.check("a limit reaches the scan", "limit=3" in scan or "fetch=3" in plan, plan)


def steps(scene, home, folder):
    """Views in pipelines: the order of steps, the versions that are read, and what cannot be."""
    home.apply(view("lake.ads.made", "SELECT id, x FROM lake.dwd.made WHERE x > 1")
               + pipeline("through",
                          step("sum", "SELECT count(*) AS n, max(id) AS m FROM lake.ads.made", "lake.dws.made"),
                          {"name": "look", "check": {"table": "lake.ads.made", "checks": [{"name": "some", "row_count": {"min": 1}}]}},
                          {"name": "give", "publish": {"table": "lake.ads.made", "to": "in", "file": "out/made.parquet"}},
                          step("make", "SELECT id, id % 5 AS x FROM lake.ods.flights", "lake.dwd.made")))
    ran = home.start("through")
    scene.check("steps wait for the tables behind views", ran.state == "succeeded", ran)
    expected = sum(1 for id in range(ROWS) if id % 5 > 1)
    scene.check("a step reads a view", home.rows("SELECT n FROM lake.dws.made") == [[expected]], home.rows("SELECT * FROM lake.dws.made"))
    plan = ran.step("sum")["output"]["plan"] if ran.state == "succeeded" else {}
    scene.check("the versions behind it are settled", list(plan.get("inputs", {})) == ["lake.dwd.made"] and list(plan.get("views", {})) == ["lake.ads.made"], plan)
    published = duckdb.sql(f"select count(*), min(x) from '{folder}/out/made.parquet'").fetchall()[0] if (folder / "out/made.parquet").exists() else None
    scene.check("a view is published", published == (expected, 2), published)
    shutil.rmtree(folder / "out", ignore_errors=True)
    refused(scene, home, "a circle through a view", pipeline("round", step("a", "SELECT x AS y FROM lake.ads.round", "lake.dws.round_a"),
            step("b", "SELECT y FROM lake.dws.round_a", "lake.dwd.round")) + view("lake.ads.round", "SELECT y AS x FROM lake.dwd.round"), "wait for each other")
    more = {"mode": "append", "incremental": ["lake.ads.late"]}
    refused(scene, home, "only what is new of a view", pipeline("new", step("a", "SELECT id FROM lake.ads.late", "lake.dws.new", **more)), "is a view")
    refused(scene, home, "only what is new of a table behind a view",
            pipeline("new", step("a", "SELECT id FROM lake.ads.late", "lake.dws.new", mode="append", incremental=["lake.ods.flights"])), "no lake table that the query reads")
    # What is new of a table, beside a view that is read whole.
    home.apply(pipeline("added", step("a", "SELECT f.id, w.worst FROM lake.ods.flights f JOIN lake.ads.worst w ON w.carrier = f.carrier", "lake.dws.added",
                                      mode="append", incremental=["lake.ods.flights"])))
    ran = home.start("added")
    scene.check("a first time", ran.state == "succeeded", ran)
    (folder / "f-2.csv").write_text(flights(ROWS, ROWS + 500))
    for name in ("flights", "added", "added"):
        ran = home.start(name)
        scene.check(f"{name} again", ran.state == "succeeded", ran)
    found = home.rows("SELECT count(*), count(DISTINCT id) FROM lake.dws.added")
    scene.check("what is new is added once", found == [[ROWS + 500, ROWS + 500]], found)


AUTHOR = ("---\napiVersion: dataux/v1\nkind: User\nname: author\nspec: {}\n"
          + grant("author-reads", "author", ["select"], "lake.ods.flights") + grant("author-makes", "author", ["create"], "lake.secret")
          + grant("author-declares", "author", ["manage"], "view:*"))
HIDDEN = ("ods", "flights", "carrier", "author_sql_mark")
SECRET = "SELECT id, delay, 'author_sql_mark' <> '' AS mark FROM lake.ods.flights WHERE carrier = 'UA'"


def rights(scene, home):
    """Whose rights count: the declarer's behind the view, the reader's on the view."""
    home.apply(AUTHOR + user("reader") + user("nobody") + grant("reader-reads", "reader", ["select"], "lake.secret.ua"))
    author, reader, nobody, admin = (home.token(name) for name in ("author", "reader", "nobody", "admin"))
    with Server(home.path) as server:
        def apply(token, text):
            return http(server.url + "/api/v1/apply", token, "POST", text, {"Content-Type": "application/yaml"})

        def ask(token, sql):
            status, text = http(server.url + "/api/v1/sql", token, "POST", {"sql": sql}, {"Accept": "application/x-ndjson"})
            return status, text

        def code(text):
            try:
                return json.loads(text).get("code")
            except ValueError:
                return None

        status, text = apply(author, view("lake.secret.ua", SECRET))
        scene.check("who may read the table declares the view", status == 200, text)
        for what, document, expected in (
                ("on a table that he may not read", view("lake.secret.c", "SELECT * FROM lake.ods.carriers"), 403),
                ("on a table that is not there and that he may not read", view("lake.secret.c", "SELECT * FROM lake.ods.nothing"), 403),
                ("on a view that he may not read", view("lake.secret.c", "SELECT * FROM lake.ads.late"), 403),
                ("in a schema where he may not", view("lake.ads.c", "SELECT * FROM lake.ods.flights"), 403)):
            status, text = apply(author, document)
            scene.check(f"no view {what}", status == expected, f"{status} {text}")
        status, text = apply(reader, view("lake.secret.mine", "SELECT 1 AS a"))
        scene.check("who may not declare does not", status == 403, text)
        expected = home.rows("SELECT count(*) FROM lake.ods.flights WHERE carrier = 'UA'")[0][0]
        status, text = ask(reader, "SELECT count(*) AS n FROM lake.secret.ua")
        scene.check("the reader reads the view", status == 200 and json.loads(text) == {"n": expected}, text)
        status, text = ask(reader, "SELECT * FROM lake.ods.flights")
        scene.check("and not the table", status == 403, text)
        doors(scene, server.url, ask, nobody)
        behind_the_wall(scene, home, ask, reader)
        listed(scene, server.url, ask, reader, nobody)
        audited(scene, server.url, admin)
        apply(admin, service("ua", "SELECT count(*) AS n FROM lake.secret.ua") + grant("reader-calls", "reader", ["execute"], "service:ua"))
        status, text = http(server.url + "/services/ua", reader)
        scene.check("a service reads it", status == 200 and json.loads(text)["items"] == [{"n": expected}], text)
        nested(scene, apply, ask, author, reader, admin)
        lost(scene, home, server.url, apply, ask, code, author, reader, admin, expected)


def doors(scene, url, ask, nobody):
    """Every way in, for one who may not read the view."""
    name = "lake.secret.ua"
    for sql in (f"SELECT * FROM {name}", f"SELECT 1 AS a FROM {name} LIMIT 0", f"EXPLAIN SELECT * FROM {name}", f"DESCRIBE {name}", f"SHOW COLUMNS FROM {name}",
                f"WITH a AS (SELECT * FROM {name}) SELECT 1 AS a FROM a", f"SELECT * FROM {name} VERSION AS OF 0", f'SELECT * FROM lake.secret."ua@v0"'):
        (status, text), (status2, text2) = ask(nobody, sql), ask(nobody, sql.replace("ua", "zz"))
        scene.check(f"refused: {sql}", status in (403, 404) and not any(word in text for word in HIDDEN), f"{status} {text}")
        scene.check(f"what is there and what is not look alike: {sql}", status == status2 and text.replace("ua", "zz").split('"trace_id"')[0] == text2.split('"trace_id"')[0],
                    f"{text}\n    {text2}")
    for method, path, body in (("GET", f"/api/v1/tables/{name}", None), ("GET", f"/api/v1/tables/{name}/history", None), ("POST", f"/api/v1/tables/{name}/optimize", {}),
                               ("POST", f"/api/v1/tables/{name}/vacuum", {}), ("POST", f"/api/v1/tables/{name}/restore", {"version": 0}),
                               ("GET", f"/api/v1/resources/View/{name}", None), ("GET", "/api/v1/resources/View", None), ("DELETE", f"/api/v1/resources/View/{name}", None)):
        status, text = http(url + path, nobody, method, body)
        scene.check(f"{method} {path} is refused", status in (403, 404) and not any(word in text for word in HIDDEN), f"{status} {text}")


def behind_the_wall(scene, home, ask, reader):
    """The reader may read the view and nothing of the rows that it leaves out."""
    known = oracle(home)
    known.sql("create schema lake.secret")
    known.sql(f"create view lake.secret.ua as {SECRET}")
    for sql in ("SELECT count(*) AS n FROM lake.secret.ua", "SELECT count(*) AS n FROM lake.secret.ua WHERE id % 2 = 0 AND NOT delay = 3",
                "SELECT id FROM lake.secret.ua WHERE delay > 20 AND id BETWEEN 5 AND 3000 ORDER BY id LIMIT 4", "SELECT max(delay) AS m FROM lake.secret.ua",
                "SELECT a.id FROM lake.secret.ua a JOIN lake.secret.ua b ON a.id = b.id WHERE a.id < 50 ORDER BY 1", "SELECT count(*) AS n FROM lake.secret.ua u WHERE u.mark",
                "SELECT delay FROM lake.secret.ua WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8) OR id IS NULL ORDER BY id", "SELECT 1 AS a FROM lake.secret.ua WHERE id < 9",
                "SELECT id FROM lake.secret.ua WHERE delay = (SELECT max(delay) FROM lake.secret.ua) ORDER BY id"):
        status, text = ask(reader, sql)
        expected = plain(known.sql(sql).fetchall())
        found = [list(json.loads(line).values()) for line in text.splitlines()] if status == 200 else text
        scene.check(f"behind the wall: {sql}", found == expected and expected, f"{found}\n    {expected}")
    # Ids of other airlines' flights are in no row of the view: a condition that fails on them must not be tried on them.
    others = [row[0] for row in known.sql("select id from lake.ods.flights where carrier <> 'UA' order by id limit 5").fetchall()]
    for other in others:
        for sql in (f"SELECT count(*) AS n FROM lake.secret.ua WHERE 1 / (id - {other}) > 5", f"SELECT count(*) AS n FROM lake.secret.ua WHERE id >= 0 AND 1 / (id - {other}) > 5",
                    f"SELECT count(*) AS n FROM lake.secret.ua a JOIN lake.secret.ua b ON 1 / (a.id - {other}) = b.id WHERE a.mark"):
            status, text = ask(reader, sql)
            scene.check(f"no error tells of a hidden row: {sql}", status == 200, f"{status} {text}")
    status, text = ask(reader, "EXPLAIN SELECT * FROM lake.secret.ua")
    scene.check("the plan is not shown", status == 403 and json.loads(text)["code"] == "view_not_explained" and not any(word in text for word in HIDDEN), text)


def listed(scene, url, ask, reader, nobody):
    for sql in ("SHOW TABLES", "SELECT * FROM information_schema.tables", "SELECT * FROM information_schema.views", "SELECT * FROM information_schema.columns",
                "SELECT * FROM information_schema.schemata"):
        status, text = ask(nobody, sql)
        scene.check(f"nobody sees nothing: {sql}", "secret" not in text, f"{status} {text[:500]}")
        status, text = ask(reader, sql)
        scene.check(f"the reader sees the view and nothing else: {sql}", status == 200 and "secret" in text and not any(word in text for word in HIDDEN if word != "carrier"),
                    f"{status} {text[:500]}")
    for token, expected in ((reader, [{"name": "lake.secret.ua", "kind": "view"}]), (nobody, [])):
        status, text = http(url + "/api/v1/tables", token)
        scene.check("the tables of the catalog", json.loads(text).get("items") == expected, text)
    status, text = http(url + "/api/v1/tables/lake.secret.ua", reader)
    found = json.loads(text)
    scene.check("the reader sees the columns and not the query", [column["name"] for column in found["columns"]] == ["id", "delay", "mark"] and "sql" not in found, text)


def audited(scene, url, admin):
    _, text = http(url + "/api/v1/audit?principal=reader&action=sql&limit=200", admin)
    entries = [entry for entry in json.loads(text)["items"] if "lake.secret.ua" in (entry.get("tables") or [])]
    scene.check("the audit names the view and the table behind it", entries and all(set(entry["tables"]) == {"lake.secret.ua", "lake.ods.flights"} for entry in entries if entry.get("rows")), entries[:3])


def nested(scene, apply, ask, author, reader, admin):
    """A view on a view of somebody else: each reads with its own declarer's rights."""
    status, text = apply(admin, view("lake.secret.outer", "SELECT count(*) AS n FROM lake.secret.ua") + grant("reader-reads-outer", "reader", ["select"], "lake.secret.outer"))
    scene.check("a view on a view", status == 200, text)
    status, text = ask(reader, "SELECT n FROM lake.secret.outer")
    scene.check("is read with the rights of both", status == 200, text)
    # The author may not read carriers, whatever the admin, who reads his view, may.
    status, text = apply(author, view("lake.secret.ua", SECRET.replace("lake.ods.flights", "lake.ods.carriers")))
    scene.check("his view cannot borrow the admin's rights", status == 403, text)


def lost(scene, home, url, apply, ask, code, author, reader, admin, expected):
    """What happens when the declarer loses his rights, and when he goes."""
    def broken(what):
        for name, sql in (("ua", "SELECT count(*) AS n FROM lake.secret.ua"), ("outer", "SELECT n FROM lake.secret.outer")):
            status, text = ask(reader, sql)
            scene.check(f"{what}: {name} is broken", status == 409 and code(text) == "view_broken", f"{status} {text}")
            scene.check(f"{what}: the reader learns whom to ask and no more", not any(word in text for word in HIDDEN) and json.loads(text)["hint"], text)
        status, text = http(url + "/api/v1/sql", reader, "POST", {"sql": "SELECT * FROM lake.secret.ua"}, {"Accept-Language": "zh"})
        found = json.loads(text)
        scene.check(f"{what}: in Chinese too", CHINESE.search(found["message"]) and CHINESE.search(found["hint"]), text)
        status, text = ask(admin, "SELECT * FROM lake.secret.ua")
        scene.check(f"{what}: who looks after views learns why", status == 409 and "author" in json.loads(text)["message"] and json.loads(text)["arguments"]["reason"], text)
        status, text = http(url + "/services/ua", reader)
        scene.check(f"{what}: the service says so", status == 409 and code(text) == "view_broken", f"{status} {text}")
        status, text = ask(reader, "SELECT table_name FROM information_schema.columns WHERE table_schema = 'secret'")
        scene.check(f"{what}: listings go on", status == 200, f"{status} {text}")

    def whole(what):
        status, text = ask(reader, "SELECT count(*) AS n FROM lake.secret.ua")
        scene.check(what, status == 200 and json.loads(text) == {"n": expected}, text)

    for _ in range(CALLS):
        status, _ = http(url + "/services/ua", reader)
    http(url + "/api/v1/resources/Grant/author-reads", admin, "DELETE")
    broken("a lost grant")
    home_pipeline = pipeline("broken", step("a", "SELECT * FROM lake.secret.ua", "lake.dws.broken"))
    apply(admin, home_pipeline)
    ran = home.start("broken")
    scene.check("a pipeline says so", ran.code == 1 and ran.error.get("code") in ("step_failed", "view_broken") and "lake.secret.ua" in ran.error.get("message", ""), ran)
    apply(admin, grant("author-reads", "author", ["select"], "lake.ods.flights"))
    whole("a grant that is given again")
    apply(admin, user("author").replace("{}", "{disabled: true}"))
    broken("a disabled declarer")
    apply(admin, user("author"))
    whole("a declarer who is back")
    status, text = http(url + "/api/v1/resources/User/author", admin, "DELETE")
    scene.check("a declarer may be deleted, as one of pipelines may", status == 204, text)
    broken("a deleted declarer")
    status, text = apply(admin, view("lake.secret.ua", SECRET + " AND true"))
    scene.check("somebody else declares it", status == 200, text)
    whole("and it is read again")


def stale(scene, home):
    """A kept plan does not outlive the view it was made with."""
    home.apply(view("lake.ads.now", "SELECT id, delay FROM lake.ods.flights WHERE id < 100")
               + view("lake.ads.over", "SELECT count(*) AS n FROM lake.ads.now WHERE delay >= -100")
               + service("now", "SELECT count(*) AS n FROM lake.ads.now WHERE id >= $from", "{from: {type: integer, default: 0}}")
               + service("over", "SELECT n FROM lake.ads.over") + user("small") + grant("small", "small", ["execute"], "service:now"))
    admin, small = home.token("admin"), home.token("small")
    with Server(home.path) as server:
        def call(name, token=admin, query=""):
            status, text = http(f"{server.url}/services/{name}{query}", token)
            return json.loads(text)["items"][0]["n"] if status == 200 else (status, text)

        for _ in range(CALLS):
            found = (call("now"), call("over"), call("now", small, "?from=40"))
            scene.check("kept plans answer", found == (100, 100, 60), found)
        status, text = http(server.url + "/api/v1/apply", admin, "POST", view("lake.ads.now", "SELECT id, delay FROM lake.ods.flights WHERE id < 70"),
                            {"Content-Type": "application/yaml"})
        found = (call("now"), call("over"), call("now", small, "?from=40"))
        scene.check("a change in this process is seen at once", status == 200 and found == (70, 70, 30), found)
        for _ in range(CALLS):
            call("now")
        # Another process.
        home.apply(view("lake.ads.now", "SELECT id, delay FROM lake.ods.flights WHERE id < 55"))
        deadline = time.monotonic() + NOTICED_SECONDS
        while time.monotonic() < deadline and call("now") != 55:
            time.sleep(0.1)
        found = (call("now"), call("over"), call("now", small, "?from=40"))
        scene.check("a change in another process is seen soon", found == (55, 55, 15), found)
        # Gone, and made anew with the version number that the first had.
        http(server.url + "/api/v1/resources/View/lake.ads.now", admin, "DELETE")
        status, text = http(f"{server.url}/services/now", admin)
        scene.check("a view that is gone", status == 404 and json.loads(text)["code"] == "table_not_found", f"{status} {text}")
        status, text = http(f"{server.url}/services/over", admin)
        scene.check("a view on it says so", status == 409 and json.loads(text)["code"] == "view_broken", f"{status} {text}")
        http(server.url + "/api/v1/apply", admin, "POST", view("lake.ads.now", "SELECT id, delay FROM lake.ods.flights WHERE id < 5"), {"Content-Type": "application/yaml"})
        found = (call("now"), call("over"))
        scene.check("and one that is made anew", found == (5, 5), found)


def vanished(scene, home):
    """A table that goes takes its views along, and comes back with them."""
    home.apply(pipeline("passing", step("a", "SELECT 1 AS a", "lake.dws.passing")))
    home.start("passing")
    home.apply(view("lake.ads.passing", "SELECT a FROM lake.dws.passing"))
    scene.check("it is there", home.rows("SELECT a FROM lake.ads.passing") == [[1]])
    shutil.rmtree(home.path / "lake" / "dws" / "passing")
    for sql in ("SELECT a FROM lake.ads.passing", "EXPLAIN SELECT a FROM lake.ads.passing", "DESCRIBE lake.ads.passing"):
        done = home.run("sql", "-c", sql, "-o", "json")
        error = json.loads(done.stderr.splitlines()[-1]) if done.stderr else {}
        scene.check(f"a table that vanished: {sql}", done.returncode == 1 and error.get("code") == "view_broken" and "lake.dws.passing" in error["message"]
                    and error["hint"], done.stdout + done.stderr)
    done = home.run("describe", "lake.ads.passing")
    scene.check("describe says what is wrong", done.returncode == 1 and "lake.dws.passing" in done.stderr, done.stderr)
    scene.check("listings go on", ["late"] in home.rows("SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'ads'"))
    home.start("passing")
    scene.check("it is there again", home.rows("SELECT a FROM lake.ads.passing") == [[1]])


if __name__ == "__main__":
    main()
