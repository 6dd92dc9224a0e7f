"""A user without grants gets nothing, by any way in that exists; and no secret is ever written or told."""

import json
import pathlib
import re
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import scene as scenes
from scene import Scene, Server
from trouble import Home, collect, connection, http

# Names and values that nobody without a grant may read anywhere.
HIDDEN = ("hidschema", "hidtable", "hidfiles", "hidpipe", "hidservice", "hidvalue", "hidcolumn", "hidrole", "hidowner", "hidview")
# Answered to everybody: they tell nothing of this platform's data.
PUBLIC = {("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"), ("get", "/api/openapi.json")}
# Answered to everybody who is signed in: about the caller, or about the product.
OWN = {("get", "/api/v1/whoami"), ("get", "/api/v1/kinds"), ("get", "/api/v1/schemas/{kind}"), ("get", "/api/v1/tokens"),
       ("post", "/api/v1/sessions"), ("put", "/api/v1/sessions/current")}
LOGOUT = ("delete", "/api/v1/sessions/current")
CANARIES = {"connection": "canary-connection-5f1c", "login": "Canary-Login-77aa", "admin": "Canary-Admin-93bd", "stored": "canary-stored-e0e0"}

DECLARED = """---
apiVersion: dataux/v1
kind: User
name: nobody
spec: {display_name: Nobody}
---
apiVersion: dataux/v1
kind: Role
name: hidrole
spec: {}
---
apiVersion: dataux/v1
kind: User
name: hidowner
spec: {roles: [hidrole]}
---
apiVersion: dataux/v1
kind: Grant
name: hidowner-reads
spec: {to: {role: hidrole}, allow: [select], on: [lake.hidschema]}
---
apiVersion: dataux/v1
kind: DataService
name: hidservice
spec: {sql: "SELECT * FROM lake.hidschema.hidtable"}
---
apiVersion: dataux/v1
kind: View
name: lake.hidschema.hidview
spec: {sql: "SELECT * FROM lake.hidschema.hidtable"}
---
apiVersion: dataux/v1
kind: Schedule
name: hidpipe-nightly
spec: {pipeline: hidpipe, cron: "0 3 * * *"}
"""


def main():
    with Scene("faults_access") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        (folder / "t.csv").write_text("id,hidcolumn\n1,hidvalue\n2\n")
        home = Home(scene, DATAUX_ADMIN_PASSWORD=CANARIES["admin"])
        home.apply(connection("hidfiles", files={"location": str(folder)}) + DECLARED
                   + collect("hidpipe", "hidfiles", "lake.hidschema.hidtable", files="t.csv", columns={"id": "int64", "hidcolumn": "string"}))
        ran = home.start("hidpipe")
        scene.check("there is something to hide", ran.state == "succeeded" and ran.step("take")["rejected"] == 1, ran)
        nobody, owner, admin = (home.token(user) for user in ("nobody", "hidowner", "admin"))
        with Server(home.path, env={"DATAUX_LOG": "debug"}) as server:
            statements(scene, server.url, nobody, owner)
            every_address(scene, server.url, nobody, ran)
            commands(scene, server.url, nobody, ran)
            wrong_tokens(scene, server.url, nobody)
            scene.check("in the end the table is as it was", home.rows("SELECT count(*) FROM lake.hidschema.hidtable") == [[1]])
            secrets(scene, home, server, admin)


def leaks(text, sent=""):
    """Hidden words in a text that were not in what was sent."""
    return [word for word in HIDDEN if word in text and word not in sent]


def error(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def statements(scene, url, nobody, owner):
    status, text = http(url + "/api/v1/sql", owner, "POST", {"sql": "SELECT * FROM lake.hidschema.hidtable"})
    scene.check("who has the grant reads", status == 200 and "hidvalue" in text, f"{status} {text}")
    status, text = http(url + "/api/v1/sql", owner, "POST", {"sql": "SELECT * FROM lake.hidschema.hidview"})
    scene.check("who has the grant reads the view", status == 200 and "hidvalue" in text, f"{status} {text}")
    name, view = "lake.hidschema.hidtable", "lake.hidschema.hidview"
    views = (f"SELECT * FROM {view}", f"SELECT 1 AS a FROM {view} LIMIT 0", f"SELECT * FROM {view} VERSION AS OF 0", f"EXPLAIN SELECT * FROM {view}",
             f"DESCRIBE {view}", f"SHOW COLUMNS FROM {view}", f"SELECT (SELECT count(*) FROM {view}) AS n", f"SELECT * FROM lake.hidschema.\"hidview@v0\"")
    for sql in (f"SELECT * FROM {name}", f"SELECT 1 AS a FROM {name}", f"SELECT * FROM {name} VERSION AS OF 0", f"EXPLAIN SELECT * FROM {name}",
                f"WITH a AS (SELECT * FROM {name}) SELECT 1 FROM a", f"SELECT (SELECT count(*) FROM {name}) AS n",
                f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {name})", f"SELECT * FROM {name}__quarantine", f"DESCRIBE {name}",
                f"SHOW COLUMNS FROM {name}", f"SELECT * FROM {name} WHERE false", f"SELECT * FROM {name} LIMIT 0",
                f"SELECT 1 UNION ALL SELECT id FROM {name}", "SELECT * FROM hidfiles.main.t", "SELECT * FROM lake.hidschema.\"hidtable@v0\"", *views):
        status, text = http(url + "/api/v1/sql", nobody, "POST", {"sql": sql})
        scene.check(f"refused: {sql}", status in (403, 404) and not leaks(text, sql), f"{status} {text}")
        other = sql.replace("hid", "yyy")
        status2, text2 = http(url + "/api/v1/sql", nobody, "POST", {"sql": other})
        same = (status, error(text).get("code")) == (status2, error(text2).get("code"))
        scene.check(f"what is there and what is not look alike: {sql}", same, f"{text}\n    {text2}")
    for sql in ("SHOW TABLES", "SELECT * FROM information_schema.tables", "SELECT * FROM information_schema.columns",
                "SELECT * FROM information_schema.schemata", "SELECT table_name FROM information_schema.views", "SHOW SCHEMAS",
                "SHOW DATABASES"):
        status, text = http(url + "/api/v1/sql", nobody, "POST", {"sql": sql})
        scene.check(f"tells nothing: {sql}", not leaks(text, sql), f"{status} {text[:600]}")


def every_address(scene, url, nobody, ran):
    """Every endpoint of the description, with names that exist."""
    _, text = http(url + "/api/openapi.json")
    scene.check("the description names nothing of ours", not leaks(text), leaks(text))
    described = json.loads(text)["paths"]
    places = {"id": ran.id, "table": "lake.hidschema.hidtable", "name": "hidservice", "kind": "Connection"}
    count = 0
    for path, methods in described.items():
        for method in sorted(set(methods) & {"get", "put", "post", "delete", "patch"}, key=lambda word: word == "delete"):
            filled = re.sub(r"\{(\w+)\}", lambda match: place(path, match[1], places), path)
            if path == "/api/v1/sql":
                continue
            count += 1
            # Logging out would end the token; it is tried without one.
            status, text = http(url + filled, None if (method, path) == LOGOUT else nobody, method.upper(), request_body(path))
            sent = filled + str(request_body(path))
            shown = f"{status} {text[:600]}"
            scene.check(f"{method} {filled} leaks nothing", not leaks(text, sent), shown)
            if (method, path) in PUBLIC or (method, path) == LOGOUT:
                continue
            if (method, path) not in OWN:
                empty = status == 200 and method == "get" and error(text).get("items") == []
                scene.check(f"{method} {filled} is refused", status in (403, 404) or empty, shown)
            if (method, path) != ("post", "/api/v1/sessions"):
                status, text = http(url + filled, None, method.upper(), request_body(path))
                scene.check(f"{method} {filled} asks who calls", status == 401 and not leaks(text, sent), f"{status} {text[:300]}")
    scene.check("there are addresses to try", count > 30, count)
    for method, path in (("GET", "/api/v1/tables/lake.hidschema.hidview"), ("GET", "/api/v1/tables/lake.hidschema.hidview/history"),
                         ("POST", "/api/v1/tables/lake.hidschema.hidview/optimize"), ("GET", "/api/v1/resources/View/lake.hidschema.hidview"),
                         ("DELETE", "/api/v1/resources/View/lake.hidschema.hidview")):
        status, text = http(url + path, nobody, method, {} if method == "POST" else None)
        scene.check(f"{method} {path} is refused", status in (403, 404) and not leaks(text, path), f"{status} {text[:300]}")
    for path in ("/services/hidservice", "/services/hidservice/openapi.json"):
        status, text = http(url + path, nobody)
        scene.check(f"{path} is refused", status in (403, 404) and not leaks(text, path), f"{status} {text[:300]}")
    status, _ = http(url + "/api/v1/tokens", nobody, "POST", {"user": "admin", "name": "mine"})
    scene.check("no token for somebody else", status == 403, status)
    status, _ = http(url + "/api/v1/users/admin/password", nobody, "PUT", {"password": "Another-Password-1"})
    scene.check("no password for somebody else", status == 403, status)


def place(path, word, places):
    """What stands for `{word}` in an address."""
    if "/tables/" in path or "/quarantine/" in path:
        return places["table"]
    if "/pipelines/" in path:
        return "hidpipe"
    if "/users/" in path:
        return "hidowner"
    if "/tokens/" in path or "/secrets/" in path:
        return "something"
    if "/resources/" in path and word == "name":
        return "hidfiles"
    return places.get(word, "hidservice")


def request_body(path):
    """A body that would be right, where one is needed."""
    bodies = {"apply": connection("hidfiles", files={"location": "/"}), "/password": {"password": "Another-Password-1"},
              "/secrets/": {"value": "x"}, "/tokens": {"user": "admin", "name": "t"}, "/backfills": {"first": "2026-01-01", "last": "2026-01-02"},
              "/runs": {}, "/restore": {"version": 0}, "/vacuum": {}, "/optimize": {}, "/replay": {}}
    return next((body for part, body in bodies.items() if part in path), None)


def commands(scene, url, nobody, ran):
    name = "lake.hidschema.hidtable"
    file = scene.folder / "mine.yaml"
    file.write_text("apiVersion: dataux/v1\nkind: Grant\nname: mine\nspec: {to: {user: nobody}, allow: [select], on: ['*']}\n")
    secret = scene.folder / "secret"
    secret.write_text("x")
    must_refuse = (["sql", "-c", f"SELECT * FROM {name}"], ["describe", name], ["run", "hidpipe"], ["logs", ran.id], ["resume", ran.id],
                   ["rerun", ran.id], ["cancel", ran.id], ["backfill", "hidpipe", "--from", "2026-01-01", "--to", "2026-01-02"],
                   ["table", "history", name], ["table", "optimize", name], ["table", "vacuum", name, "-y"], ["table", "restore", name, "--version", "0", "-y"],
                   ["quarantine", "show", name], ["apply", "-f", str(file)], ["delete", "Pipeline/hidpipe", "-y"],
                   ["secret", "put", "mine"], ["secret", "delete", "mine", "-y"], ["audit", "list"], ["audit", "verify"], ["token", "create", "--user", "admin"],
                   ["get", "Pipeline", "hidpipe"], ["describe", "Connection", "hidfiles"])
    may_be_empty = (["get"], ["get", "Connection"], ["get", "Pipeline"], ["get", "User"], ["get", "Grant"], ["runs"], ["quarantine", "list"],
                    ["secret", "list"], ["describe", "tables"], ["sql", "-c", "SHOW TABLES"])
    for command in (*must_refuse, *may_be_empty):
        done = subprocess.run([scenes.DATAUX, *command, "--server", url, "--token", nobody], capture_output=True, text=True, timeout=120,
                              stdin=secret.open(), env=scenes.plain_environment())
        text, sent = done.stdout + done.stderr, " ".join(command)
        words = " ".join(command)
        scene.check(f"{words} leaks nothing", not leaks(text, sent), text)
        allowed = (4,) if command in must_refuse else (0, 4)
        scene.check(f"{words} ends with {allowed}", done.returncode in allowed, f"{done.returncode} {text}")


def wrong_tokens(scene, url, nobody):
    for token in ("wrong", nobody[:-1], nobody + "a", nobody.swapcase(), "' OR 1=1 --", "x" * 10_000):
        status, text = http(url + "/api/v1/whoami", token)
        scene.check("a token that is nearly right", status == 401 or (len(token) > 5000 and status == 431), f"{status} {text[:200]}")
    answers = set()
    for user, password in (("admin", "wrong-password"), ("no-such-user", "wrong-password"), ("nobody", "wrong-password")):
        status, text = http(url + "/api/v1/sessions", None, "POST", {"user": user, "password": password})
        answers.add((status, error(text).get("code"), error(text).get("message")))
    scene.check("a wrong password and a wrong user look alike", len(answers) == 1 and answers.pop()[0] == 401, answers)


def secrets(scene, home, server, admin):
    """Canaries go everywhere secrets go; then everything that was ever written or told is searched for them."""
    told = []

    def cli(*command, stdin=""):
        done = subprocess.run([scenes.DATAUX, *map(str, command), "--home", home.path], capture_output=True, text=True, timeout=120, input=stdin,
                              env={**scenes.plain_environment(), "DATAUX_LOG": "trace"})
        told.append(done.stdout + done.stderr)
        return done

    def ask(*given, **more):
        status, text = http(*given, **more)
        told.append(text)
        return status, text

    done = cli("secret", "put", "pg", stdin=CANARIES["connection"] + "\n")
    scene.check("a secret is stored", done.returncode == 0, done.stderr)
    status, text = ask(server.url + "/api/v1/secrets/stored", admin, "PUT", {"value": CANARIES["stored"]})
    scene.check("a secret is stored over HTTP", status in (200, 201, 204), f"{status} {text}")
    done = cli("passwd", "nobody", stdin=CANARIES["login"] + "\n")
    scene.check("a password is set", done.returncode == 0, done.stderr)
    status, text = ask(server.url + "/api/v1/sessions", None, "POST", {"user": "nobody", "password": CANARIES["login"]})
    scene.check("and opens a session", status in (200, 201), f"{status} {text[:200]}")
    session = error(text).pop("token", "no session")
    told[-1] = ""
    home.apply(connection("pg", postgres={"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "secret:pg"})
               + collect("frompg", "pg", table="public.t"))
    cli("run", "frompg")
    for command in (["get", "Connection", "pg", "-o", "yaml"], ["describe", "Connection", "pg"], ["secret", "list"], ["runs", "-o", "json"],
                    ["sql", "-c", "SELECT * FROM pg.public.t"], ["logs"], ["audit", "list", "-o", "json"], ["get", "-o", "json"]):
        cli(*command)
    for path in ("/api/v1/resources/Connection/pg", "/api/v1/secrets", "/api/v1/audit", "/api/v1/runs", "/metrics", "/api/v1/tokens", "/api/v1/tables"):
        ask(server.url + path, admin)
    ask(server.url + "/api/v1/sessions", None, "POST", {"user": "nobody", "password": CANARIES["login"], "more": 1})
    ask(server.url + "/api/v1/sessions", None, "POST", '{"user": "nobody", "password": "' + CANARIES["login"])
    ask(server.url + "/api/v1/secrets/pg", admin, "PUT", {"valeu": CANARIES["stored"]})
    server.end()
    server.log.seek(0)
    told.append(server.log.read())
    values = {**CANARIES, "API token": admin, "session": session}
    for name, value in values.items():
        scene.check(f"the {name} secret is told nowhere", not any(value in text for text in told), [text for text in told if value in text][:1])
    held = [file for file in home.path.rglob("*") if file.is_file()]
    scene.check("there are files to search", any(file.name == "meta.db" for file in held), held)
    for name, value in values.items():
        found = [str(file) for file in held if value.encode() in file.read_bytes()]
        scene.check(f"the {name} secret is in no file", not found, found)
    with sqlite3.connect(home.path / "meta.db") as database:
        dump = "\n".join(database.iterdump())
    for name, value in values.items():
        scene.check(f"the {name} secret is in no row", value not in dump and value.encode().hex() not in dump.lower())
    for file in ("meta.db", "master.key"):
        mode = (home.path / file).stat().st_mode & 0o077
        folder = home.path.stat().st_mode & 0o077
        scene.check(f"{file} is its owner's alone", mode == 0 or folder == 0, oct(mode))


if __name__ == "__main__":
    main()
