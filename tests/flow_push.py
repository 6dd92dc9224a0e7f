"""Push: what is acknowledged is in the table, once, with many clients at a time, retries and kill -9; what does not fit is counted and kept."""

import collections
import gzip
import http.client
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from killing import difference
from scene import Scene, Server
from trouble import Home, http as ask

CLIENTS, REQUESTS, LINES, KILLS = 8, 12, 40, 3
# Longest wait of a client for one answer, over all its retries.
PATIENCE_SECONDS = 180


def push(columns, every="200ms", into="lake.ods.events", **more):
    spec = {"push": {"commit_every": every, "targets": {"events": {"into": into, "columns": columns, **more}}}}
    return f"---\napiVersion: dataux/v1\nkind: Connection\nname: web\nspec: {json.dumps(spec)}\n"


COLUMNS = {"id": "int64", "at": "timestamp", "page": "string"}
SENDER = """---
apiVersion: dataux/v1
kind: User
name: sender
spec: {display_name: Sender}
---
apiVersion: dataux/v1
kind: Grant
name: sender-sends
spec: {to: {user: sender}, allow: [modify], on: [lake.ods.events]}
---
apiVersion: dataux/v1
kind: User
name: nobody
spec: {display_name: Nobody}
"""


def send(url, token, body, key=None, target="web/events", **headers):
    """One request; status, headers and answer."""
    parts = urllib.parse.urlsplit(url)
    given = {"Content-Type": "application/x-ndjson", **({"Idempotency-Key": key} if key else {}),
             **{name.replace("_", "-"): value for name, value in headers.items()}}
    if token:
        given["Authorization"] = f"Bearer {token}"
    asking = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        asking.request("POST", f"/api/v1/push/{target}", body, given)
        answer = asking.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return answer.status, dict(answer.getheaders()), json.loads(text) if text.startswith("{") else {"text": text}
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, {"error": str(error)}
    finally:
        asking.close()


def lines(*objects):
    return "".join(json.dumps(item) + "\n" for item in objects).encode()


def main():
    with Scene("flow_push") as scene:
        home = Home(scene)
        home.apply(push(COLUMNS) + SENDER)
        sender, nobody, admin = (home.token(user) for user in ("sender", "nobody", "admin"))
        with Server(home.path) as server:
            one_by_one(scene, home, server.url, sender)
            refusals(scene, home, server.url, sender, nobody, admin)
            columns_grow(scene, home, server.url, sender)
            back_pressure(scene, home, server.url, admin)
        audited(scene, home)
        under_fire(scene, int(os.environ.get("DATAUX_TEST_SEED") or random.randrange(1 << 32)))


def ids(home, table="lake.ods.events"):
    found = home.table(table)
    return [] if found is None else sorted(found.column("id").to_pylist())


def one_by_one(scene, home, url, sender):
    status, _, report = send(url, sender, lines({"id": 1, "at": "2026-01-01T00:00:00Z", "page": "/"}, {"id": 2}))
    scene.check("lines go into a table that is made for them", status == 200 and (report["accepted"], report["quarantined"], report["duplicate"]) == (2, 0, False)
                and ids(home) == [1, 2], f"{status} {report}")
    names = [field.name for field in home.table("lake.ods.events").schema]
    scene.check("with the columns in the order they are declared", names == ["id", "at", "page"], names)
    body = lines({"id": 3}) + b'{"id": "four"}\nnot json\n\n' + lines({"id": 5, "other": 1}, {"id": 6})
    status, _, report = send(url, sender, gzip.compress(body), key="first", Content_Encoding="gzip")
    scene.check("a packed body is taken, and bad lines are counted", status == 200 and (report["accepted"], report["quarantined"]) == (2, 3), f"{status} {report}")
    aside = home.table("lake.ods.events__quarantine").to_pylist()
    found = sorted((row["position"], row["cause"], bytes(row["raw"]).decode(), row["step"]) for row in aside)
    scene.check("bad lines are kept with their number and cause", found == [("line:2", "value_unfit", '{"id": "four"}', "web/events"),
                ("line:3", "json_invalid", "not json", "web/events"), ("line:5", "field_unknown", '{"id": 5, "other": 1}', "web/events")], found)
    scene.check("under the id of the request", {row["run"] for row in aside} == {report["id"]}, report)
    status, _, again = send(url, sender, gzip.compress(body), key="first", Content_Encoding="gzip")
    scene.check("the same key adds nothing, and answers the same", status == 200 and again == {**report, "duplicate": True}, f"{status} {again}")
    scene.check("neither to the table nor to the quarantine", ids(home) == [1, 2, 3, 6] and len(home.table("lake.ods.events__quarantine")) == 3, ids(home))
    status, _, report = send(url, sender, b"bad\n", key="only-bad")
    status2, _, again = send(url, sender, b"bad\n", key="only-bad")
    scene.check("a request of bad lines alone is one too", (status, status2) == (200, 200) and again == {**report, "duplicate": True}
                and len(home.table("lake.ods.events__quarantine")) == 4, f"{report} {again}")
    status, _, report = send(url, sender, b"")
    scene.check("no lines are no trouble", status == 200 and report["accepted"] == 0, f"{status} {report}")


def refusals(scene, home, url, sender, nobody, admin):
    body = lines({"id": 100})
    for what, answer, wanted, code in (
        ("no token", send(url, None, body), 401, "token_required"),
        ("no right", send(url, nobody, body), 403, "not_allowed"),
        ("no right and no such target", send(url, nobody, body, target="web/nothing"), 403, "not_allowed"),
        ("no right and no such connection", send(url, nobody, body, target="nothing/events"), 403, "not_allowed"),
        ("a target that is not", send(url, admin, body, target="web/event"), 404, "push_target_not_found"),
        ("another form", send(url, sender, body, Content_Type="text/csv"), 415, "media_type_wrong"),
        ("another packing", send(url, sender, body, Content_Encoding="br"), 415, "media_type_wrong"),
        ("a body that is not packed", send(url, sender, body, Content_Encoding="gzip"), 400, "push_body_corrupt"),
        ("a body too large", send(url, sender, b" " * (17 << 20)), (413, 0), "body_too_large"),
        ("a body that unpacks too far", send(url, sender, gzip.compress(b"\n" * (65 << 20)), Content_Encoding="gzip"), 413, "push_body_too_large"),
        ("a key too long", send(url, sender, body, key="k" * 201), 400, "push_key_invalid"),
        ("a key with a space", send(url, sender, body, key="a b"), 400, "push_key_invalid"),
    ):
        status, _, report = answer
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        scene.check(f"{what} is refused with {wanted}", status in wanted and (status == 0 or report.get("code") == code), f"{status} {report}")
        scene.check(f"{what}: nothing is told of the table", code != "not_allowed" or "lake" not in json.dumps(report), report)
    scene.check("a near name is told to who may know", "`events`" in send(url, admin, body, target="web/event")[2]["message"])
    scene.check("nothing of it came in", 100 not in ids(home), ids(home))
    status, text = ask(url + "/api/v1/sql", sender, "POST", {"sql": "SELECT * FROM lake.ods.events"})
    scene.check("who may send may not read", status == 403, f"{status} {text}")


def columns_grow(scene, home, url, sender):
    home.apply(push({"page": "string", "id": "int64", "more": "int64"}))
    status, _, report = send(url, sender, lines({"id": 7, "more": 1}))
    rows = {row["id"]: (row["more"], row["at"]) for row in home.table("lake.ods.events").to_pylist() if row["id"] in (1, 7)}
    scene.check("a column that is declared later is added; one that is not declared any more stays empty", status == 200
                and rows[7] == (1, None) and rows[1][0] is None and rows[1][1] is not None, f"{status} {report} {rows}")
    home.apply(push({"id": "string"}))
    status, _, report = send(url, sender, lines({"id": "x"}), key="unfit")
    scene.check("a type that the table cannot take is refused by name", status == 409 and "`id`" in report.get("message", ""), f"{status} {report}")
    home.apply(push(COLUMNS))
    status, _, report = send(url, sender, lines({"id": 8}), key="unfit")
    scene.check("and its key is free again", status == 200 and not report["duplicate"], f"{status} {report}")


def back_pressure(scene, home, url, admin):
    home.apply(push({"id": "int64", "text": "string"}, every="4s", into="lake.ods.heavy"))
    # The first is committed at once; what comes within the next seconds waits.
    send(url, admin, lines({"id": 0}))
    large = gzip.compress(b"".join(json.dumps({"id": 1, "text": "a" * (1 << 20)}).encode() + b"\n" for _ in range(60)), 1)
    answers = []

    def one(number):
        status, headers, report = send(url, admin, large, key=f"heavy-{number}", Content_Encoding="gzip")
        answers.append((status, headers, report))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy = [(headers, report) for status, headers, report in answers if status == 429]
    done = [report for status, _, report in answers if status == 200]
    scene.check("too much at a time is put off, the rest is taken", busy and done and len(busy) + len(done) == 5,
                [(status, report.get("code")) for status, _, report in answers])
    scene.check("with the time to come again", all(int(headers.get("retry-after", 0)) >= 1 and report["retry"] for headers, report in busy), busy)
    scene.check("and what was taken is there", len(ids(home, "lake.ods.heavy")) == 1 + 60 * len(done), len(done))
    home.apply(push(COLUMNS))


def audited(scene, home):
    items = json.loads(home.run("audit", "list", "-o", "json", "--limit", "1000").stdout)
    items = [item for item in (items["items"] if isinstance(items, dict) else items) if item["action"] == "push"]
    by = collections.Counter((item["principal"], item["allowed"]) for item in items)
    scene.check("who sent what is in the audit, refusals too", by[("sender", True)] >= 5 and by[("nobody", False)] == 3, by)
    scene.check("with its rows and its table", any(item.get("rows") == 2 and "lake.ods.events" in json.dumps(item) for item in items), items[:2])


def under_fire(scene, seed):
    """Many clients that retry until they are answered, and a server that is killed meanwhile."""
    draw = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    home = Home(scene, "fire")
    home.apply(push(COLUMNS, every="100ms") + SENDER)
    token = home.token("sender")
    where, acknowledged, bad, given_up, reports = {"url": None}, [], collections.Counter(), [], []
    lock = threading.Lock()

    def client(number):
        chance = random.Random(seed * 100 + number)
        for request in range(REQUESTS):
            first = (number * REQUESTS + request) * LINES
            objects, wrong = [], []
            for line in range(first, first + LINES):
                if chance.random() < 0.05:
                    wrong.append(f'{{"id": "bad {line}"}}')
                    objects.append(wrong[-1])
                else:
                    objects.append(json.dumps({"id": line, "page": f"/{line}"}))
            body, key = ("\n".join(objects) + "\n").encode(), f"client-{number}-{request}"
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                status, _, report = send(where["url"], token, body, key) if where["url"] else (0, {}, {})
                if status == 200:
                    break
                if status not in (0, 429, 503) or time.monotonic() > deadline:
                    given_up.append((status, report))
                    return
                time.sleep(chance.uniform(0.01, 0.2))
            with lock:
                reports.append(report)
                acknowledged.extend(json.loads(line)["id"] for line in objects if line not in wrong)
                bad.update(wrong)
            if chance.random() < 0.2:
                # Some send again what was answered.
                send(where["url"], token, body, key)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for kill in range(KILLS + 1):
        with Server(home.path) as server:
            where["url"] = server.url
            if kill < KILLS:
                time.sleep(draw.uniform(0.3, 2.0))
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                continue
            for thread in threads:
                thread.join()
    scene.check("every request is answered in the end", not given_up and len(reports) == CLIENTS * REQUESTS, f"{given_up[:2]} {len(reports)}")
    found, wanted = ids(home), sorted(acknowledged)
    scene.check("the table is what was acknowledged, once each", found == wanted, difference(found, wanted))
    aside = home.table("lake.ods.events__quarantine")
    aside = collections.Counter(bytes(raw).decode() for raw in aside.column("raw").to_pylist()) if aside else collections.Counter()
    scene.check("bad lines are there once each", aside == bad, difference(aside.elements(), bad.elements()))
    scene.check("and were counted", sum(report["quarantined"] for report in reports) == sum(bad.values()), sum(bad.values()))
    versions = len(home.run("table", "history", "lake.ods.events", "-o", "name", "--limit", "1000").stdout.split())
    scene.check("requests shared their commits", versions < CLIENTS * REQUESTS, versions)


if __name__ == "__main__":
    main()
