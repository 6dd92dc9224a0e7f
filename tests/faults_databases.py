"""Databases in trouble: a run over one that is missing, refuses, changes or dies midway fails with the blame where it belongs,
leaves nothing partial in the lake, and once the trouble is over a resume gives exactly the source's rows."""

import os
import pathlib
import socket
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from mysql import Mysql
from postgres import Postgres
from proxy import Proxy
from scene import Scene
from trouble import Home, collect, connection, nothing_in, refused_well

ROWS = 300_000
# Bytes of a table's answer after which the proxy cuts.
CUT_AFTER = 15_000_000
# Longest wait for something to be seen at the server, in seconds.
WAIT_SECONDS = 30


def main():
    with Scene("faults_databases") as scene:
        home = Home(scene)
        sqlite_files(scene, home)
        for kind, variable in ((Postgres, "DATAUX_TEST_POSTGRES_URL"), (Mysql, "DATAUX_TEST_MYSQL_URL")):
            if variable not in os.environ:
                raise RuntimeError(f"{variable} is not set: run this under scripts/servers")
            in_trouble(scene, home, kind(os.environ[variable]))


def in_trouble(scene, home, server):
    text = "concat('row number ', i, repeat(' and more', 10))"
    server.sql(f"CREATE TABLE big AS SELECT i AS id, {text} AS text FROM {server.numbers(ROWS)}")
    server.sql("ALTER TABLE big ADD PRIMARY KEY (id)")
    server.sql(f"CREATE TABLE small AS SELECT i AS id FROM {server.numbers(10)}")
    try:
        refusals(scene, home, server)
        encryption(scene, home, server)
        dropped(scene, home, server)
        cut_midway(scene, home, server)
        killed_midway(scene, home, server)
    finally:
        server.sql("DROP TABLE IF EXISTS big, small, odd, doomed")


def sqlite_files(scene, home):
    missing, noise, good = (scene.folder / name for name in ("missing.db", "noise.db", "good.db"))
    noise.write_bytes(b"this is no database at all" * 400)
    with sqlite3.connect(good) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"n{i}") for i in range(1000)])
    database.close()
    home.apply("".join(connection(path.stem, sqlite={"path": str(path)}) + collect(f"of-{path.stem}", path.stem, table="main.t")
                       for path in (missing, noise, good)))
    refused_well(scene, "a database file that is missing", home, "of-missing", "database_missing", "missing", missing)
    scene.check("looking for a file does not make it", not missing.exists())
    refused_well(scene, "a file that is no database", home, "of-noise", "database_invalid", "noise", noise)
    ran = home.start("of-good")
    scene.check("a good file is read", ran.state == "succeeded" and home.rows("SELECT count(*) FROM lake.ods.of_good") == [[1000]], ran)

    with sqlite3.connect(good) as database:
        database.execute("ALTER TABLE t RENAME TO elsewhere")
    database.close()
    ran = refused_well(scene, "a table that is dropped", home, "of-good", "source_table_missing", "good", "main.t")
    scene.check("what was collected before stays", home.rows("SELECT count(*) FROM lake.ods.of_good") == [[1000]])
    with sqlite3.connect(good) as database:
        database.execute("ALTER TABLE elsewhere RENAME TO t")
        database.execute("INSERT INTO t VALUES (1000, 'last')")
    database.close()
    ran = home.resume(ran)
    found = home.rows("SELECT count(*), sum(id) FROM lake.ods.of_good")
    scene.check("and after it is back a resume reads it", ran.state == "succeeded" and found == [[1001, 500500]], f"{ran} {found}")

    # A file cut off in the middle of its pages.
    whole = good.read_bytes()
    cut = scene.folder / "cut.db"
    cut.write_bytes(whole[: len(whole) // 2])
    home.apply(connection("cut", sqlite={"path": str(cut)}) + collect("of-cut", "cut", table="main.t"))
    refused_well(scene, "a database file cut in half", home, "of-cut", "database_invalid", "cut", cut)
    nothing_in(scene, home, "lake.ods.of_cut")


def refusals(scene, home, server):
    home.env[server.secret] = server.password
    home.env["WRONG_PASSWORD"] = "canary-wrong-password"
    kind, small, absent = server.name, f"{server.schema}.small", f"{server.schema}.absent"
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = held.getsockname()[1]
    server.sql("CREATE TABLE odd (id int, shape polygon)")
    wrong = {
        "wrong": {"password": "env:WRONG_PASSWORD"},
        "closed": {"port": closed},
        "nowhere": {"host": "no-such-host.invalid"},
        "nodb": {"database": "no_such_database"},
        "unset": {"password": "env:NOT_SET_ANYWHERE"},
    }
    home.apply(
        server.connection(kind) + collect(f"{kind}-small", kind, table=small) + collect(f"{kind}-odd", kind, table=f"{server.schema}.odd")
        + collect(f"{kind}-absent", kind, table=absent)
        + "".join(server.connection(f"{kind}{name}", **options) + collect(f"{kind}-{name}", f"{kind}{name}", table=small)
                  for name, options in wrong.items()))
    ran = home.start(f"{kind}-small")
    found = home.rows(f"SELECT count(*) FROM lake.ods.{kind}_small")
    scene.check(f"{kind}: a good database is read", ran.state == "succeeded" and found == [[10]], ran)

    def refused(what, name, code, *places):
        return refused_well(scene, f"{kind}: {what}", home, f"{kind}-{name}", code, *places)

    ran = refused("a wrong password", "wrong", "source_login_refused", f"{kind}wrong", server.port)
    scene.check(f"{kind}: and the password is not told", "canary" not in str(ran), ran)
    refused("a server that is down", "closed", "source_unreachable", f"{kind}closed", closed)
    refused("a host that is not", "nowhere", "source_unreachable", "no-such-host.invalid")
    refused("a database that is not", "nodb", ("database_missing", "source_failed"), "no_such_database")
    refused("a table that is not", "absent", "source_table_missing", absent)
    refused("a type that cannot be read", "odd", "column_type_unsupported", "shape", "polygon")
    ran = home.start(f"{kind}-unset")
    scene.check(f"{kind}: a secret that is not set", ran.code == 1 and "NOT_SET_ANYWHERE" in ran.error.get("message", ""), ran)
    for table in (*wrong, "absent", "odd"):
        nothing_in(scene, home, f"lake.ods.{kind}_{table}")


def encryption(scene, home, server):
    """A server is believed when the right authority vouches for its name, and only then."""
    kind, folder = server.name, pathlib.Path(os.environ["DATAUX_TEST_TLS"])
    believed = {"tls": "verify-full", "tls_ca": f"file:{folder / 'ca.pem'}"}
    ways = {
        "encrypted": {"tls": "require"},
        "proven": believed,
        "stranger": {**believed, "tls_ca": f"file:{folder / 'stranger.pem'}"},
        "misnamed": {**believed, "host": "localhost"},
    }
    home.apply("".join(server.connection(f"{kind}{name}", **options) + collect(f"{kind}-{name}", f"{kind}{name}", table=f"{server.schema}.small")
                       for name, options in ways.items()))
    for name in ("encrypted", "proven"):
        ran = home.start(f"{kind}-{name}")
        found = home.rows(f"SELECT count(*) FROM lake.ods.{kind}_{name}")
        scene.check(f"{kind}: an {name} connection reads", ran.state == "succeeded" and found == [[10]], ran)
    for name, word in (("stranger", "UnknownIssuer"), ("misnamed", "not valid for name")):
        refused_well(scene, f"{kind}: a {name} server", home, f"{kind}-{name}", "source_tls_refused", f"{kind}{name}", word)
        nothing_in(scene, home, f"lake.ods.{kind}_{name}")


def dropped(scene, home, server):
    """A table that goes while it is read waits for the reader; one that went between two runs is named."""
    kind, doomed = server.name, f"{server.schema}.doomed"
    into = f"lake.ods.{kind}_doomed"
    server.sql("CREATE TABLE doomed AS SELECT * FROM small")
    home.apply(collect(f"{kind}-doomed", kind, table=doomed))
    ran = home.start(f"{kind}-doomed")
    scene.check(f"{kind}: a table is read before it goes", ran.state == "succeeded", ran)
    server.sql("DROP TABLE doomed")
    ran = refused_well(scene, f"{kind}: a table dropped between runs", home, f"{kind}-doomed", "source_table_missing", doomed)
    scene.check(f"{kind}: its rows of before stay", home.rows(f"SELECT count(*) FROM {into}") == [[10]])
    server.sql(f"CREATE TABLE doomed AS SELECT i AS id FROM {server.numbers(20)}")
    ran = home.resume(ran)
    scene.check(f"{kind}: a resume reads the new one", home.rows(f"SELECT count(*) FROM {into}") == [[20]], ran)


def whole(scene, home, server, table, what):
    expected = [int(value) for value in server.sql("SELECT count(*), sum(id), sum(length(text)) FROM big").split("|")]
    found = home.rows(f"SELECT count(*), sum(id), sum(length(text)) FROM {table}")
    scene.check(f"{what}: the table is the source's, row by row", found == [expected], f"{found} {expected}")
    ids = set(home.table(table).column("id").to_pylist())
    scene.check(f"{what}: another reader finds every row once", ids == set(range(1, ROWS + 1)), len(ids))


def cut_midway(scene, home, server):
    """The network goes in the middle of the answer."""
    kind, big = server.name, f"{server.schema}.big"
    far = f"{kind}far"
    with Proxy(server.host, server.port) as proxy:
        home.apply(server.connection(far, host="127.0.0.1", port=proxy.port)
                   + collect(f"{kind}-cut-replace", far, table=big)
                   + collect(f"{kind}-cut-append", far, table=big, mode="append", cursor="id"))
        for name in (f"{kind}-cut-replace", f"{kind}-cut-append"):
            table = f"lake.ods.{name.replace('-', '_')}"
            proxy.cut_after(CUT_AFTER)
            ran = refused_well(scene, f"{name}: a connection that dies midway", home, name, "source_lost", far)
            scene.check(f"{name}: it was midway", 0 < ran.step("take")["rows"] < ROWS, ran.step("take"))
            nothing_in(scene, home, table)
            proxy.cut_after(None)
            ran = home.resume(ran)
            scene.check(f"{name}: the resume succeeds", ran.state == "succeeded", ran)
            whole(scene, home, server, table, name)
        # The step itself may say that it is to be tried again.
        name = f"{kind}-cut-retry"
        text = collect(name, far, table=big)
        home.apply(text.replace('"name": "take"', '"name": "take", "retries": 3'))
        proxy.cut_after(CUT_AFTER, times=1)
        ran = home.start(name)
        scene.check(f"{name}: a step with retries passes over a cut", ran.state == "succeeded" and ran.step("take")["attempt"] > 1, ran)
        whole(scene, home, server, f"lake.ods.{name.replace('-', '_')}", name)


def killed_midway(scene, home, server):
    """The server ends the session: slow reading through a proxy gives time to."""
    kind = server.name
    name, into = f"{kind}-killed", f"lake.ods.{kind}_killed"
    with Proxy(server.host, server.port, bytes_per_second=2_000_000) as proxy:
        home.apply(server.connection(f"{kind}slow", host="127.0.0.1", port=proxy.port)
                   + collect(name, f"{kind}slow", table=f"{server.schema}.big"))
        ended = []

        def end():
            deadline = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < deadline and not sum(ended):
                if proxy.passed > 1_000_000:
                    ended.append(server.end_readers())
                time.sleep(0.05)
            proxy.bytes_per_second = None

        ender = threading.Thread(target=end)
        ender.start()
        ran = refused_well(scene, f"{kind}: a session the server ends", home, name, ("source_lost", "source_failed"), f"{kind}slow")
        ender.join()
        scene.check(f"{kind}: a session was ended", sum(ended) > 0, ended)
        nothing_in(scene, home, into)
        ran = home.resume(ran)
        scene.check(f"{kind}: the resume after it succeeds", ran.state == "succeeded", ran)
        whole(scene, home, server, into, name)


if __name__ == "__main__":
    main()
