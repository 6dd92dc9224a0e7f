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
        if "DATAUX_TEST_POSTGRES_URL" not in os.environ:
            raise RuntimeError("DATAUX_TEST_POSTGRES_URL is not set: run this under scripts/servers")
        server = Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"])
        server.sql(f"CREATE TABLE big AS SELECT i AS id, 'row number ' || i || repeat(' and more', 10) AS text FROM generate_series(1, {ROWS}) AS i")
        server.sql("CREATE TABLE small AS SELECT i AS id FROM generate_series(1, 10) AS i")
        try:
            refusals(scene, home, server)
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
    home.env["PG_PASSWORD"] = server.password
    home.env["WRONG_PASSWORD"] = "canary-wrong-password"
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = held.getsockname()[1]
    server.sql("CREATE TABLE odd (id int, shape polygon)")
    home.apply(
        server.connection("pg") + collect("small", "pg", table="public.small") + collect("odd", "pg", table="public.odd")
        + collect("absent", "pg", table="public.absent")
        + server.connection("wrong", password="env:WRONG_PASSWORD") + collect("wrong", "wrong", table="public.small")
        + server.connection("closed", port=closed) + collect("closed", "closed", table="public.small")
        + server.connection("nowhere", host="no-such-host.invalid") + collect("nowhere", "nowhere", table="public.small")
        + server.connection("nodb", database="no_such_database") + collect("nodb", "nodb", table="public.small")
        + server.connection("unset", password="env:NOT_SET_ANYWHERE") + collect("unset", "unset", table="public.small"))
    ran = home.start("small")
    scene.check("a good database is read", ran.state == "succeeded" and home.rows("SELECT count(*) FROM lake.ods.small") == [[10]], ran)
    ran = refused_well(scene, "a wrong password", home, "wrong", "source_login_refused", "wrong", server.port)
    scene.check("and the password is not told", "canary" not in str(ran), ran)
    refused_well(scene, "a server that is down", home, "closed", "source_unreachable", "closed", closed)
    refused_well(scene, "a host that is not", home, "nowhere", "source_unreachable", "no-such-host.invalid")
    refused_well(scene, "a database that is not", home, "nodb", ("database_missing", "source_failed"), "no_such_database")
    refused_well(scene, "a table that is not", home, "absent", "source_table_missing", "public.absent")
    refused_well(scene, "a type that cannot be read", home, "odd", "column_type_unsupported", "shape", "polygon")
    ran = home.start("unset")
    scene.check("a secret that is not set", ran.code == 1 and "NOT_SET_ANYWHERE" in ran.error.get("message", ""), ran)
    for table in ("wrong", "closed", "nowhere", "nodb", "absent", "odd", "unset"):
        nothing_in(scene, home, f"lake.ods.{table}")


def dropped(scene, home, server):
    """A table that goes while it is read waits for the reader; one that went between two runs is named."""
    server.sql("CREATE TABLE doomed AS SELECT * FROM small")
    home.apply(collect("doomed", "pg", table="public.doomed"))
    ran = home.start("doomed")
    scene.check("a table is read before it goes", ran.state == "succeeded", ran)
    server.sql("DROP TABLE doomed")
    ran = refused_well(scene, "a table dropped between runs", home, "doomed", "source_table_missing", "public.doomed")
    scene.check("its rows of before stay", home.rows("SELECT count(*) FROM lake.ods.doomed") == [[10]])
    server.sql("CREATE TABLE doomed AS SELECT i AS id FROM generate_series(1, 20) AS i")
    ran = home.resume(ran)
    scene.check("a resume reads the new one", home.rows("SELECT count(*) FROM lake.ods.doomed") == [[20]], ran)


def whole(scene, home, server, table, what):
    expected = [int(value) for value in server.sql("SELECT count(*), sum(id), sum(length(text)) FROM big").split("|")]
    found = home.rows(f"SELECT count(*), sum(id), sum(length(text)) FROM {table}")
    scene.check(f"{what}: the table is the source's, row by row", found == [expected], f"{found} {expected}")
    ids = set(home.table(table).column("id").to_pylist())
    scene.check(f"{what}: another reader finds every row once", ids == set(range(1, ROWS + 1)), len(ids))


def cut_midway(scene, home, server):
    """The network goes in the middle of the answer."""
    with Proxy(server.host, server.port) as proxy:
        home.apply(server.connection("far", host="127.0.0.1", port=proxy.port)
                   + collect("cut-replace", "far", into="lake.ods.cut_replace", table="public.big")
                   + collect("cut-append", "far", into="lake.ods.cut_append", table="public.big", mode="append", cursor="id"))
        for name in ("cut-replace", "cut-append"):
            table = f"lake.ods.{name.replace('-', '_')}"
            proxy.cut_after(CUT_AFTER)
            ran = refused_well(scene, f"{name}: a connection that dies midway", home, name, "source_lost", "far")
            scene.check(f"{name}: it was midway", 0 < ran.step("take")["rows"] < ROWS, ran.step("take"))
            nothing_in(scene, home, table)
            proxy.cut_after(None)
            ran = home.resume(ran)
            scene.check(f"{name}: the resume succeeds", ran.state == "succeeded", ran)
            whole(scene, home, server, table, name)
        # The step itself may say that it is to be tried again.
        text = collect("cut-retry", "far", into="lake.ods.cut_retry", table="public.big")
        home.apply(text.replace('"name": "take"', '"name": "take", "retries": 3'))
        proxy.cut_after(CUT_AFTER, times=1)
        ran = home.start("cut-retry")
        scene.check("a step with retries passes over a cut", ran.state == "succeeded" and ran.step("take")["attempt"] > 1, ran)
        whole(scene, home, server, "lake.ods.cut_retry", "cut-retry")


def killed_midway(scene, home, server):
    """The server ends the session: slow reading through a proxy gives time to."""
    with Proxy(server.host, server.port, bytes_per_second=2_000_000) as proxy:
        home.apply(server.connection("slow", host="127.0.0.1", port=proxy.port)
                   + collect("killed", "slow", into="lake.ods.killed", table="public.big"))
        killed = []

        def kill():
            deadline = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < deadline and not killed:
                if proxy.passed > 1_000_000:
                    killed.extend(server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'copy%' "
                                             "AND pid <> pg_backend_pid()").split())
                time.sleep(0.05)
            proxy.bytes_per_second = None

        killer = threading.Thread(target=kill)
        killer.start()
        ran = refused_well(scene, "a session the server ends", home, "killed", ("source_lost", "source_failed"), "slow")
        killer.join()
        scene.check("a session was ended", "t" in killed, killed)
        nothing_in(scene, home, "lake.ods.killed")
        ran = home.resume(ran)
        scene.check("the resume after it succeeds", ran.state == "succeeded", ran)
        whole(scene, home, server, "lake.ods.killed", "killed")


if __name__ == "__main__":
    main()
