"""Live tables of databases: the same question to the platform and to DuckDB over the same rows has the same answer, whatever the
server's own collation, quoting and types would say; and conditions are sent to the server where they mean the same."""

import datetime
import json
import os
import pathlib
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from mysql import Mysql
from postgres import Postgres
from scene import Scene
from trouble import Home

NAMES = ["ann", "Ann", "ann ", "ánn", "bob", "o'hare", "back\\slash", "quote\"", "back`tick", "北京", "😀", "", "100%", None]
ROWS = [
    (i, NAMES[i % len(NAMES)], i % 7 - 3, None if i % 5 == 0 else datetime.date(2013, 1, 1) + datetime.timedelta(days=i),
     datetime.datetime(2013, 1, 1, 23, 59) + datetime.timedelta(hours=i), i / 4)
    for i in range(140)
]

# Conditions on them.
WHERE = [
    "id = 7", "id <> 7 AND id < 20", "id >= 130 OR id IN (1, 2, 3)", "`rank` = -3", "`rank` > 1000",
    "name = 'ann'", "name = 'Ann'", "name = 'ann '", "name IN ('ann', 'bob', 'zz')", "name = 'o''hare'", "name = 'back\\slash'",
    "name = 'quote\"'", "name = 'back`tick'", "name = '北京'", "name = '😀'", "name = ''", "name <> 'ann'", "name < 'b'",
    "name LIKE 'a%'", "name IS NULL", "name IS NOT NULL AND id > 100", "name = 'ann' OR id = 4", "NOT (name = 'ann')",
    "name = 'ann' OR name = '北京' OR name = 'o' || '''hare'",
    "day = DATE '2013-01-03'", "day > DATE '2013-05-01'", "day BETWEEN DATE '2013-02-01' AND DATE '2013-02-10'", "day IS NULL",
    "day IS NOT NULL AND `rank` = 1", "moment >= TIMESTAMP '2013-01-03 00:00:00'", "ratio = 2.5", "ratio > 30", "id = 2.5", "id < 2.5",
]


def main():
    with Scene("live_databases") as scene:
        home = Home(scene)
        oracle = duckdb.connect()
        oracle.execute('CREATE TABLE t (id INTEGER, name VARCHAR, "rank" SMALLINT, day DATE, moment TIMESTAMP, ratio DOUBLE)')
        oracle.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        for kind, variable in ((Postgres, "DATAUX_TEST_POSTGRES_URL"), (Mysql, "DATAUX_TEST_MYSQL_URL")):
            if variable not in os.environ:
                raise RuntimeError(f"{variable} is not set: run this under scripts/servers")
            server = kind(os.environ[variable])
            try:
                ask(scene, home, oracle, server)
            finally:
                server.sql("DROP TABLE IF EXISTS live, latin, odd")


def ask(scene, home, oracle, server):
    home.env[server.secret] = server.password
    home.apply(server.connection(server.name))
    rank, moment = ("`rank`", "DATETIME") if server.name == "my" else ("rank", "TIMESTAMP")
    server.sql(f"CREATE TABLE live (id INTEGER PRIMARY KEY, name VARCHAR(40), {rank} SMALLINT, day DATE, moment {moment}, ratio DOUBLE PRECISION)")
    server.sql(f"INSERT INTO live VALUES {', '.join(map(written(server), ROWS))}")
    table = f"{server.name}.{server.schema}.live"
    for where in (condition.replace("`rank`", '"rank"') for condition in WHERE):
        same(scene, home, oracle, server, f'SELECT id, name, "rank", day, ratio FROM {{t}} WHERE {where} ORDER BY id', table)
    for sql in ('SELECT count(*), count(name), min(day), sum(ratio) FROM {t}', 'SELECT name, count(*) FROM {t} GROUP BY name ORDER BY name NULLS FIRST',
                'SELECT id FROM {t} WHERE id > 100 ORDER BY id DESC LIMIT 3', "SELECT count(*) FROM (SELECT 1 FROM {t} LIMIT 5)",
                "SELECT count(DISTINCT name) FROM {t}", "SELECT a.id FROM {t} a JOIN {t} b ON a.id = b.id + 1 WHERE b.id = 3"):
        same(scene, home, oracle, server, sql, table)
    found = rows(home, f"SELECT id FROM {table} WHERE name = 'ann' LIMIT 1")
    scene.check(f"{server.name}: a limit behind a condition on text is not cut short", len(found) == 1, found)
    {"pg": of_postgres, "my": of_mysql}[server.name](scene, home, server)


def same(scene, home, oracle, server, sql, table):
    found = rows(home, sql.format(t=table))
    expected = [[value.isoformat() if isinstance(value, datetime.date) else value for value in row]
                for row in oracle.sql(sql.format(t="t")).fetchall()]
    scene.check(f"{server.name}: {sql}", found == expected, f"{found[:5]} … {len(found)}\n    {expected[:5]} … {len(expected)}")


def rows(home, sql):
    """The answer as lists of values, or what the command said against it."""
    done = home.run("sql", "-c", sql, "--output", "ndjson")
    return [list(json.loads(line).values()) for line in done.stdout.splitlines()] if done.returncode == 0 else done.stderr


def written(server):
    """A row as SQL of the server; a backslash is a letter only to PostgreSQL."""
    def value(of):
        if of is None:
            return "NULL"
        if isinstance(of, (int, float)):
            return str(of)
        text = str(of).replace("'", "''")
        return "'" + (text.replace("\\", "\\\\") if server.name == "my" else text) + "'"
    return lambda row: f"({', '.join(map(value, row))})"


def of_postgres(scene, home, server):
    """Types whose comparison there would refuse, or mean something else than, what is written here."""
    server.sql("CREATE TABLE odd (id INTEGER PRIMARY KEY, key UUID, doc JSON, docb JSONB, span INTERVAL, place INET, bare NUMERIC)")
    server.sql("""INSERT INTO odd VALUES (1, '00112233-4455-6677-8899-aabbccddeeff', '{"a": 1}', '{"a": 1}', '1 hour', '10.0.0.1', 1.50),
                  (2, NULL, NULL, NULL, '-1 second', NULL, NULL)""")
    for where, expected in (("key = '00112233-4455-6677-8899-aabbccddeeff'", [[1]]), ("key = 'nonsense'", []), ("doc = '{\"a\": 1}'", [[1]]),
                            ("docb = 'nonsense'", []), ("span = 3600000000", [[1]]), ("span < 0", [[2]]), ("place = '10.0.0.1/32'", [[1]]),
                            ("place = 'x'", []), ("bare = '1.50'", [[1]]), ("bare = 'x'", []), ("key IS NULL", [[2]])):
        found = rows(home, f"SELECT id FROM {server.name}.{server.schema}.odd WHERE {where} ORDER BY id")
        scene.check(f"pg: {where}", found == expected, found)


def of_mysql(scene, home, server):
    """What only MySQL has: other character sets, times that are numbers here, dates that are none, and its log of statements."""
    server.sql("CREATE TABLE latin (id INTEGER PRIMARY KEY, name VARCHAR(20) CHARACTER SET latin1, span TIME, y YEAR, flags BIT(4))")
    server.sql("INSERT INTO latin VALUES (1, 'é', '01:00:00', 2013, b'0101'), (2, 'a', '-00:00:01', 1999, b'0001')")
    table = f"{server.name}.{server.schema}.latin"

    for where, expected in (("name = '中'", []), ("name = 'é'", [[1]]), ("name IN ('a', '😀')", [[2]]), ("span = 3600000000", [[1]]),
                            ("span < 0", [[2]]), ("span > 10000", [[1]]), ("y = 13", []), ("y > 2000", [[1]]), ("flags = 5", [[1]])):
        found = rows(home, f"SELECT id FROM {table} WHERE {where} ORDER BY id")
        scene.check(f"my: {where}", found == expected, found)

    server.sql("SET sql_mode = ''; CREATE TABLE odd (id INTEGER PRIMARY KEY, day DATE); INSERT INTO odd VALUES (1, '0000-00-00'), (2, '2013-01-01'), (3, NULL)")
    odd = f"{server.schema}.odd"
    done = home.run("sql", "-c", f"SELECT * FROM my.{odd}")
    scene.check("my: a query does not skip a row that it cannot read", done.returncode == 1 and "`day`" in done.stderr, done.stderr)
    home.apply(server.connection("lenient", zero_dates="null"))
    found = rows(home, f"SELECT id FROM lenient.{odd} WHERE day IS NULL ORDER BY id")
    scene.check("my: a zero date that is read as NULL is found as NULL", found == [[1], [3]], found)

    server.sql("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
    try:
        rows(home, f"SELECT name FROM my.{server.schema}.live WHERE id > 100 AND name = 'ann' AND ratio > 1")
        rows(home, f"SELECT id FROM my.{server.schema}.live WHERE id > 100 LIMIT 3")
    finally:
        server.sql("SET GLOBAL general_log = 0")
    sent = server.sql("SELECT argument FROM mysql.general_log WHERE command_type = 'Execute' AND argument LIKE '%live%'")
    server.sql("TRUNCATE mysql.general_log")
    scene.check("my: conditions and columns are sent along", "`id` > 100" in sent and "`name` = 'ann'" in sent, sent)
    scene.check("my: and only those that mean the same there", "`ratio` >" not in sent and "`day`" not in sent, sent)
    scene.check("my: a limit is sent along", "limit 3" in sent, sent)


if __name__ == "__main__":
    main()
