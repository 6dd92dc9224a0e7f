"""The demo end to end: what it collects, cleans, summarises, serves and exports is what DuckDB works out of the same files."""

import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import duckdb
import yaml
from deltalake import DeltaTable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import ROOT, Scene, Server

ANSWERS = ROOT / "tests" / "flows" / "airline"
EXPECTED = yaml.safe_load((ANSWERS / "expected.yaml").read_text())


def main():
    with Scene("demo") as scene:
        home = scene.folder / "home"
        stale = subprocess.run([sys.executable, ANSWERS / "expected.py", "--check"], capture_output=True, text=True)
        scene.check("expected.yaml is what DuckDB gives", stale.returncode == 0, stale.stderr)

        scene.must("demo", "--home", home, "--once")
        answers(scene, home)
        exports(scene, home)
        others_can_read_it(scene, home)
        services(scene, home)

        scene.must("demo", "--home", home, "--once")
        for table in ("lake.ods.flights", "lake.dwd.flights", "lake.dwd.planes"):
            found = scene.rows(home, f"SELECT count(*) FROM {table}")
            scene.check(f"a second demo leaves {table} as it was", found == [[EXPECTED["tables"][table]]], found)


def answers(scene, home):
    for table, rows in EXPECTED["tables"].items():
        found = scene.rows(home, f"SELECT count(*) FROM {table}")
        scene.check(f"{table} has {rows} rows", found == [[rows]], found)
    for query in EXPECTED["queries"]:
        found = scene.rows(home, query["sql"])
        scene.check(query["sql"], same(found, query["rows"]), f"{found[:5]}\n    expected {query['rows'][:5]}")


def exports(scene, home):
    for file, rows in EXPECTED["exports"].items():
        found = duckdb.sql(f"SELECT count(*) FROM '{home / file}'").fetchall()[0][0]
        scene.check(f"{file} has {rows} rows", found == rows, found)


def others_can_read_it(scene, home):
    """Tables are open: another Delta reader finds the same rows."""
    for table in ("lake.ods.flights", "lake.dwd.flights", "lake.dwd.planes"):
        _, schema, name = table.split(".")
        found = DeltaTable(str(home / "lake" / schema / name)).to_pyarrow_dataset().count_rows()
        scene.check(f"another reader finds {table}", found == EXPECTED["tables"][table], found)


def services(scene, home):
    token = scene.must("token", "create", "--home", home, "--user", "admin").strip()
    with Server(home) as server:
        for call, rows in EXPECTED["services"].items():
            status, body = get(server.url + call, token)
            found = len(json.loads(body)["items"]) if status == 200 else body
            scene.check(f"GET {call} gives {rows} rows", found == rows, found)
        status, body = get(server.url + next(iter(EXPECTED["services"])), None)
        scene.check("a call without a token is refused", status == 401, f"{status} {body[:200]}")
        code = server.end()
        scene.check("SIGTERM ends the server in order", code == 0, code)


def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def same(found, expected):
    """Equal rows; numbers with a point to the 9 digits that expected.yaml has."""
    return len(found) == len(expected) and all(
        len(row) == len(wanted) and all(equal(value, want) for value, want in zip(row, wanted))
        for row, wanted in zip(found, expected))


def equal(value, want):
    if isinstance(want, float):
        return isinstance(value, (int, float)) and abs(value - want) <= 1e-8 * max(1.0, abs(want))
    return value == want and isinstance(value, bool) == isinstance(want, bool)


if __name__ == "__main__":
    main()
