"""Data services answer what DuckDB answers, the thousandth time as the first, and see every change at once."""

import datetime
import json
import pathlib
import random
import shutil
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import duckdb
from scene import Scene, Server
from trouble import Home, collect, connection, http

ROWS = 60_000
# Calls of one service in a row: enough for its plan to be kept and its table to be in memory.
CALLS = 12
# Longest time in which a change that another process made may go unnoticed, in seconds.
NOTICED_SECONDS = 5

# Each with the statement's words, its parameters, and the query strings to try. `$limit` and `$offset` page by themselves.
SERVICES = {
    "point": ("SELECT id, day, kind, price, note FROM lake.ods.t WHERE id = $id", "{id: {type: integer, required: true}}",
              [{"id": id} for id in (0, 7, 31_415, ROWS - 1, ROWS, -1)]),
    "between": ("SELECT day, kind, count(*) AS n, sum(price) AS price FROM lake.ods.t WHERE kind = $kind AND day BETWEEN $from AND $to "
                "GROUP BY day, kind ORDER BY day", "{kind: {type: string, required: true}, from: {type: date, default: '2013-01-01'}, to: {type: date, default: '2013-01-31'}}",
                [{"kind": "k1"}, {"kind": "k2", "from": "2013-03-01", "to": "2013-03-09"}, {"kind": "nothing"}, {"kind": "k'1"}]),
    "optional": ("SELECT count(*) AS n FROM lake.ods.t WHERE ($kind IS NULL OR kind = $kind) AND ($least IS NULL OR price >= $least)",
                 "{kind: {type: string}, least: {type: number}}", [{}, {"kind": "k3"}, {"least": 50.5}, {"kind": "k3", "least": 99.25}]),
    "small": ("SELECT count(*) AS n FROM lake.ods.t WHERE small = $small", "{small: {type: integer}}",
              [{"small": 3}, {"small": 5_000_000_000}, {"small": -1}, {}]),
    "paged": ("SELECT id FROM lake.ods.t WHERE day = $day ORDER BY id DESC LIMIT $limit OFFSET $offset", "{day: {type: date, required: true}}",
              [{"day": "2013-02-03", "limit": 5}, {"day": "2013-02-03", "limit": 3, "offset": 4}, {"day": "1999-01-01", "limit": 5}]),
    "joined": ("SELECT k.label, max(t.price) AS price FROM lake.ods.t t JOIN lake.ods.k k ON k.kind = t.kind WHERE t.id < $id GROUP BY 1 ORDER BY 1",
               "{id: {type: integer, required: true}}", [{"id": 100}, {"id": 5_000}]),
    "subquery": ("SELECT id FROM lake.ods.t WHERE price = (SELECT max(price) FROM lake.ods.t WHERE kind = $kind) ORDER BY id",
                 "{kind: {type: string, required: true}}", [{"kind": "k1"}, {"kind": "k4"}]),
    "listed": ("SELECT count(*) AS n, min(id) AS id FROM lake.ods.t WHERE array_has($kinds, kind) AND id >= $id",
               "{kinds: {type: list, of: string, default: [k1]}, id: {type: integer, default: 0}}",
               [{}, {"kinds": ["k2", "k3"]}, {"kinds": ["k0"], "id": 50_000}, {"kinds": ["no'ne"]}]),
    "constant": ("SELECT $a AS a, upper($b) AS b", "{a: {type: integer, default: 3}, b: {type: string, default: x}}", [{}, {"a": 4}, {"a": 5, "b": "yz"}]),
    "moment": ("SELECT id, now() > TIMESTAMP '2020-01-01T00:00:00Z' AS late FROM lake.ods.t WHERE id = $id", "{id: {type: integer, required: true}}", [{"id": 5}]),
}
# Statements whose plan cannot be kept.
FRESH = {"moment"}


def main():
    with Scene("services") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        write(folder / "t-1.csv", 0, ROWS)
        (folder / "k.csv").write_text("kind,label\n" + "".join(f"k{i},label {i}\n" for i in range(5)))
        home = Home(scene)
        columns = {"id": "int64", "day": "date", "kind": "string", "price": "decimal(10,2)", "small": "int32", "note": "string"}
        home.apply(connection("in", files={"location": str(folder)})
                   + collect("t", "in", "lake.ods.t", files="t-*.csv", columns=columns, mode="append")
                   + collect("k", "in", "lake.ods.k", files="k.csv", columns={"kind": "string", "label": "string"})
                   + "".join(declared(name, sql, parameters) for name, (sql, parameters, _) in SERVICES.items()))
        for pipeline in ("t", "k"):
            ran = home.start(pipeline)
            scene.check(f"{pipeline} is collected", ran.state == "succeeded", ran)
        token = home.token("admin")
        with Server(home.path) as server:
            ask = Asks(scene, server, token)
            listing(ask, home)
            same_as_duckdb(ask, folder)
            changes(ask, home, folder)
            writes_meanwhile(ask, home, folder)
            rights(ask, home)
            scene.check("the server ends in order", server.end() == 0)


def write(file, first, last):
    """Rows in the order of their day; prices and notes are by chance, the same in each run."""
    chance = random.Random(first)
    begin = datetime.date(2013, 1, 1)
    with file.open("w") as out:
        out.write("id,day,kind,price,small,note\n")
        for id in range(first, last):
            note = f"note {id}" if id % 7 else ""
            out.write(f"{id},{begin + datetime.timedelta(id * 365 // ROWS)},k{id % 5},{chance.randrange(10_000) / 100},{id % 100},{note}\n")


def declared(name, sql, parameters, more=""):
    return f"---\napiVersion: dataux/v1\nkind: DataService\nname: {name}\nspec:\n  sql: \"{sql}\"\n  parameters: {parameters}\n  paging: {{default_rows: 1000, max_rows: 1000}}\n{more}"


class Asks:
    def __init__(self, scene, server, token):
        self.scene, self.server, self.token = scene, server, token

    def call(self, name, values=None, token=None):
        """Status and items, or the error."""
        query = "?" + urllib.parse.urlencode(values, doseq=True) if values else ""
        status, text = http(f"{self.server.url}/services/{name}{query}", token or self.token)
        body = json.loads(text)
        return status, body.get("items", body)

    def number(self, metric):
        """The value of a metric without labels."""
        _, text = http(self.server.url + "/metrics")
        return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(metric + " ")), None)


def listing(ask, home):
    status, text = http(ask.server.url + "/api/v1/services", ask.token)
    listed = {item["name"]: item for item in json.loads(text)["items"]}
    ask.scene.check("every service is listed", status == 200 and set(listed) == set(SERVICES), text[:600])
    point = listed["point"]
    found = (point["path"], point["parameters"][0]["name"], point["parameters"][0]["type"], point["parameters"][0]["required"])
    ask.scene.check("with its address and parameters", found == ("/services/point", "id", "integer", True), point)
    shown = home.run("get", "services").stdout
    ask.scene.check("and by the command", "/services/point" in shown and "[kind] [least]" in shown, shown)
    names = home.run("get", "services", "-o", "name").stdout.split()
    ask.scene.check("by name", sorted(names) == sorted(f"dataservice/{name}" for name in SERVICES), names)
    documents = home.run("get", "services", "-o", "yaml").stdout
    ask.scene.check("and as documents", documents.count("kind: DataService") == len(SERVICES), documents[:600])


def same_as_duckdb(ask, folder):
    """The oracle reads the source's own files."""
    oracle = duckdb.connect()
    oracle.execute("SET TimeZone = 'UTC'")
    oracle.execute("CREATE SCHEMA ods")
    oracle.execute(f"CREATE TABLE ods.t AS SELECT id, day, kind, price::DECIMAL(10,2) AS price, small::INT AS small, note FROM read_csv('{folder}/t-*.csv', header = true)")
    oracle.execute(f"CREATE TABLE ods.k AS SELECT * FROM read_csv('{folder}/k.csv', header = true)")
    ask.scene.check("no plan is kept yet", ask.number("dataux_plans_kept") == 0, ask.number("dataux_plans_kept"))
    for name, (sql, parameters, calls) in SERVICES.items():
        for number in range(CALLS):
            for values in calls:
                status, found = ask.call(name, values)
                wanted = expected(oracle, sql, parameters, values)
                if not ask.scene.check(f"{name} {values}, call {number}", status == 200 and plain(found) == wanted, f"{status} {found}\n    {wanted}"):
                    break
    kept = ask.number("dataux_plans_kept")
    ask.scene.check("plans are kept where they can be", kept == len(SERVICES) - len(FRESH), kept)
    # Rows are read into memory beside the calls.
    deadline = time.monotonic() + 10
    while not ask.number("dataux_warm_bytes") and time.monotonic() < deadline:
        time.sleep(0.1)
    ask.scene.check("rows of tables in use are in memory", ask.number("dataux_warm_bytes") > 100_000, ask.number("dataux_warm_bytes"))
    for name, (sql, parameters, calls) in SERVICES.items():
        for values in calls:
            status, found = ask.call(name, values)
            wanted = expected(oracle, sql, parameters, values)
            ask.scene.check(f"{name} {values}, from memory", status == 200 and plain(found) == wanted, f"{status} {found}\n    {wanted}")
    status, found = ask.call("point", {"id": "x"})
    ask.scene.check("a wrong value is refused as before", status == 400 and found["code"] == "service_parameter_invalid", found)


def expected(oracle, sql, parameters, values):
    """What DuckDB says, as the service writes it."""
    bound = {"kind": None, "least": None, "small": None, "from": "2013-01-01", "to": "2013-01-31", "a": 3, "b": "x", "limit": 1000, "offset": 0,
             "kinds": ["k1"], "id": 0}
    bound.update(values)
    names = [name for name in ("id", "kinds", "least", "small", "from", "to", "day", "a", "b", "limit", "offset") if f"${name}" in sql]
    if "$kind" in sql.replace("$kinds", ""):
        names.append("kind")
    text = sql.replace("lake.ods.", "ods.")
    # DuckDB reserves these words, and wants to know the types of what is empty.
    text = text.replace("$kinds", "CAST($p_kinds AS VARCHAR[])")
    for name, kind in (("from", "DATE"), ("to", "DATE"), ("day", "DATE"), ("kind", "VARCHAR"), ("least", "DOUBLE"), ("small", "BIGINT"), ("a", "BIGINT"), ("b", "VARCHAR")):
        text = text.replace(f"${name}", f"CAST($p_{name} AS {kind})")
    for name in ("id", "limit", "offset"):
        text = text.replace(f"${name}", f"$p_{name}")
    cursor = oracle.execute(text, {f"p_{name}": bound[name] for name in names})
    columns = [column[0] for column in cursor.description]
    return plain([dict(zip(columns, row)) for row in cursor.fetchall()])


def plain(items):
    """Values as text, for decimals and dates are text in JSON."""
    def value(one):
        if one is None or isinstance(one, (bool, int)):
            return one
        text = str(one)
        return text
    return [{key: value(one) for key, one in item.items()} for item in items] if isinstance(items, list) else items


def changes(ask, home, folder):
    """Whatever changes, the next call has it."""
    scene = ask.scene
    count = lambda: ask.call("optional")[1][0]["n"]
    scene.check("before", count() == ROWS, count())
    write(folder / "t-2.csv", ROWS, ROWS + 10)
    ran = home.start("t")
    scene.check("rows were added by another process", ran.state == "succeeded", ran)
    scene.check("and are seen by the next call", (count(), ask.call("point", {"id": ROWS})[1][0]["id"]) == (ROWS + 10, ROWS), count())
    _, text = http(ask.server.url + "/api/v1/tables/lake.ods.t/restore", ask.token, "POST", {"version": 0})
    scene.check("a restored version", count() == ROWS and ask.call("point", {"id": ROWS})[1] == [], f"{count()} {text}")
    for _ in range(CALLS):
        ask.call("point", {"id": 5})
    home.apply(declared("point", "SELECT id + 1 AS next FROM lake.ods.t WHERE id = $id", "{id: {type: integer, required: true}}"))
    deadline = time.monotonic() + NOTICED_SECONDS
    while ask.call("point", {"id": 5})[1] != [{"next": 6}] and time.monotonic() < deadline:
        time.sleep(0.1)
    scene.check("a service that another process changed", ask.call("point", {"id": 5})[1] == [{"next": 6}], ask.call("point", {"id": 5}))
    text = declared("point", "SELECT id + 2 AS next FROM lake.ods.t WHERE id = $id", "{id: {type: integer, required: true}}")
    http(ask.server.url + "/api/v1/apply", ask.token, "POST", text.encode(), {"Content-Type": "application/yaml"})
    scene.check("a service that this process changed, at once", ask.call("point", {"id": 5})[1] == [{"next": 7}], ask.call("point", {"id": 5}))
    moved = scene.folder / "moved"
    shutil.move(home.path / "lake" / "ods" / "t", moved)
    status, found = ask.call("point", {"id": 5})
    scene.check("a table that is gone is missed at once", status == 404 and found["code"] == "table_not_found", f"{status} {found}")
    shutil.move(moved, home.path / "lake" / "ods" / "t")
    scene.check("and found when it is back", ask.call("point", {"id": 5})[1] == [{"next": 7}], ask.call("point", {"id": 5}))


def writes_meanwhile(ask, home, folder):
    """Callers who never stop while another process writes: each sees whole commits, in their order, and no error."""
    over, found = threading.Event(), [[] for _ in range(4)]

    def calls(seen):
        while not over.is_set():
            status, items = ask.call("optional")
            seen.append(items[0]["n"] if status == 200 else f"{status} {items}")

    threads = [threading.Thread(target=calls, args=(seen,), daemon=True) for seen in found]
    for thread in threads:
        thread.start()
    before = ask.call("optional")[1][0]["n"]
    counts = [before]
    for number in range(3):
        first = ROWS + 100 * (number + 1)
        write(folder / f"t-more-{number}.csv", first, first + 50)
        ran = home.start("t")
        counts.append(before + 50 * (number + 1))
        ask.scene.check(f"rows are written meanwhile, {number}", ran.state == "succeeded" and ask.call("optional")[1] == [{"n": counts[-1]}], ran)
    over.set()
    for thread in threads:
        thread.join()
    for seen in found:
        ask.scene.check("whoever calls meanwhile sees whole commits", seen and set(seen) <= set(counts), set(seen) - set(counts))
        ask.scene.check("in their order", seen == sorted(seen, key=str), seen)


def rights(ask, home):
    """The statement runs with its definer's rights, and a call needs execute; both as they are now."""
    scene, url = ask.scene, ask.server.url
    grant = "---\napiVersion: dataux/v1\nkind: Grant\nname: {name}\nspec: {{to: {{user: {user}}}, allow: [{allow}], on: ['{on}']}}\n"
    home.apply("---\napiVersion: dataux/v1\nkind: User\nname: definer\nspec: {display_name: D}\n"
               "---\napiVersion: dataux/v1\nkind: User\nname: caller\nspec: {display_name: C}\n"
               + grant.format(name="definer-reads", user="definer", allow="select", on="lake.ods")
               + grant.format(name="definer-declares", user="definer", allow="manage", on="service:*")
               + grant.format(name="caller-calls", user="caller", allow="execute", on="service:lent"))
    definer, caller = home.token("definer"), home.token("caller")
    # Another process has declared them.
    deadline = time.monotonic() + NOTICED_SECONDS
    while http(url + "/api/v1/whoami", caller)[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    for name, more in (("lent", ""), ("kept", "  cache: {fresh_for: 1h}\n")):
        text = declared(name, "SELECT count(*) AS n FROM lake.ods.k WHERE kind = $kind", "{kind: {type: string, required: true}}", more)
        status, said = http(url + "/api/v1/apply", definer, "POST", text.encode(), {"Content-Type": "application/yaml"})
        scene.check(f"{name} is declared by who may read", status == 200, f"{status} {said}")
    for _ in range(CALLS):
        status, found = ask.call("lent", {"kind": "k1"}, caller)
        scene.check("who may call it sees the answer", (status, found) == (200, [{"n": 1}]), f"{status} {found}")
        status, found = ask.call("kept", {"kind": "k1"})
        scene.check("a kept answer", (status, found) == (200, [{"n": 1}]), f"{status} {found}")
    status, found = ask.call("kept", {"kind": "k1"}, caller)
    scene.check("but not of another service", status == 403, f"{status} {found}")
    status, _ = http(url + "/api/v1/resources/Grant/caller-calls", ask.token, "DELETE")
    status, found = ask.call("lent", {"kind": "k1"}, caller)
    scene.check("a right to call that was taken away is gone at once", status == 403, f"{status} {found}")
    status, _ = http(url + "/api/v1/resources/Grant/definer-reads", ask.token, "DELETE")
    for name in ("lent", "kept"):
        status, found = ask.call(name, {"kind": "k1"})
        scene.check(f"{name}: a right of the definer that was taken away is gone at once", status == 403, f"{status} {found}")
    home.apply(grant.format(name="definer-reads", user="definer", allow="select", on="lake.ods"))
    deadline = time.monotonic() + NOTICED_SECONDS
    while ask.call("lent", {"kind": "k1"})[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    status, found = ask.call("lent", {"kind": "k1"})
    scene.check("and comes back when another process gives it again", (status, found) == (200, [{"n": 1}]), f"{status} {found}")


if __name__ == "__main__":
    main()
