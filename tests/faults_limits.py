"""Too much of everything: each limit answers with its own error and the server lives on."""

import json
import os
import pathlib
import socket
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import Scene, Server
from trouble import CHINESE, Home, collect, connection, http

ROWS = 20_000
# Longest time in which a limit may be noticed, in seconds: a bound against hanging, far above what it takes.
NOTICED_SECONDS = 60
MEBIBYTE = 1 << 20
# What a document that cannot be read is called.
DOCUMENT_CODES = ("invalid_document", "body_invalid")

# Takes years.
HEAVY = "sum((a.id * b.id + c.id) % 7) AS n FROM lake.ods.t a CROSS JOIN lake.ods.t b CROSS JOIN lake.ods.t c"
# Comparisons that would take as long and find nothing: nothing is handed on at which the work could pause.
FRUITLESS = {
    "pairs of all rows": "SELECT count(*) AS n FROM lake.ods.t a CROSS JOIN lake.ods.t b CROSS JOIN lake.ods.t c "
                         "WHERE a.id + b.id + c.id < 0",
    "pairs of rows with a common key": "SELECT count(*) AS n FROM lake.ods.t a JOIN lake.ods.t b ON a.id % 2 = b.id % 2 "
                                       "JOIN lake.ods.t c ON b.id % 2 = c.id % 2 WHERE a.id + b.id + c.id < 0",
}
SERVICE = """---
apiVersion: dataux/v1
kind: DataService
name: numbers
spec:
  sql: "SELECT id, name FROM lake.ods.t WHERE id >= $from ORDER BY id"
  parameters: {from: {type: integer, required: true, min: 0}}
  paging: {default_rows: 10, max_rows: 100}
---
apiVersion: dataux/v1
kind: DataService
name: slow
spec:
  sql: "SELECT HEAVY"
  timeout: 1s
---
apiVersion: dataux/v1
kind: DataService
name: rationed
spec:
  sql: "SELECT 1 AS one"
  rate: {per_second: 1, burst: 2}
"""


def main():
    with Scene("faults_limits") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        (folder / "t.csv").write_text("id,name\n" + "".join(f"{i},name {i}\n" for i in range(ROWS)))
        home = Home(scene)
        home.apply(connection("in", files={"location": str(folder)}) + SERVICE.replace("HEAVY", HEAVY)
                   + collect("t", "in", files="t.csv", columns={"id": "int64", "name": "string"}))
        ran = home.start("t")
        scene.check("there is a table", ran.state == "succeeded", ran)
        token = home.token("admin")
        with Server(home.path) as server:
            asks = Asks(scene, home, server, token)
            statements(asks)
            results(asks)
            endings(asks)
            bodies(asks)
            services(asks)
            others(asks)
            half_sent(scene, server)
            scene.check("after all that the server ends in order", server.end() == 0)


class Asks:
    """Requests that must be refused with a code, a status, and words in both languages."""

    def __init__(self, scene, home, server, token):
        self.scene, self.home, self.server, self.url, self.token = scene, home, server, server.url, token

    def refused(self, what, status, code, path, method="POST", body=None, headers=None, chinese=True):
        began = time.monotonic()
        found, text = http(self.url + path, self.token, method, body, headers)
        seconds = time.monotonic() - began
        statuses = status if isinstance(status, tuple) else (status,)
        codes = code if isinstance(code, tuple) else (code,)
        error = self.body(text)
        shown = f"{found} {text[:600]}"
        self.scene.check(f"{what}: HTTP {statuses}", found in statuses, shown)
        self.scene.check(f"{what}: {codes}", error.get("code") in codes, shown)
        self.scene.check(f"{what}: the error is short", len(text) < 10_000, len(text))
        self.scene.check(f"{what}: noticed in time", seconds < NOTICED_SECONDS, seconds)
        if chinese:
            _, text = http(self.url + path, self.token, method, body, {**(headers or {}), "Accept-Language": "zh-CN"})
            self.scene.check(f"{what}: in Chinese", bool(CHINESE.search(self.body(text).get("message", ""))), text[:600])
        self.alive(what)

    def sql(self, what, status, code, sql, **more):
        self.refused(what, status, code, "/api/v1/sql", body={"sql": sql, **more})

    def body(self, text):
        """The error of an answer: its body, or the last line of rows that were cut off."""
        try:
            value = json.loads(text.strip().splitlines()[-1])
        except (ValueError, IndexError):
            return {}
        return value.get("error", value) if isinstance(value, dict) else {}

    def alive(self, what):
        status, text = http(self.url + "/api/v1/sql", self.token, "POST", {"sql": "SELECT 1 AS one"}, timeout=30)
        holds = status == 200 and json.loads(text) == {"one": 1}
        if not self.scene.check(f"{what}: the server answers on", holds, f"{status} {text}"):
            # One fault is not to hide the others.
            self.server.process.kill()
            self.server.end()
            self.server.__init__(self.home.path)
            self.url = self.server.__enter__().url


def statements(asks):
    asks.sql("a statement of 1 MiB", 413, "statement_too_long", "SELECT '" + "x" * MEBIBYTE + "'")
    deep = {
        "parentheses": "SELECT " + "(" * 2_000 + "1" + ")" * 2_000,
        "100,000 parentheses": "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 2_000 + "lake.ods.t" + ") AS s" * 2_000,
        "functions": "SELECT " + "abs(" * 2_000 + "1" + ")" * 2_000,
        "negations": "SELECT " + "NOT " * 20_000 + "true",
        "signs": "SELECT " + "- " * 20_000 + "1",
        "cases": "SELECT " + "CASE WHEN true THEN " * 2_000 + "1" + " END" * 2_000,
        "a sum of 200,000 terms": "SELECT " + "+".join(["1"] * 200_000),
        "a condition of 50,000 parts": "SELECT 1 FROM lake.ods.t WHERE " + " OR ".join(f"id = {i}" for i in range(50_000)),
        "50,000 unions": " UNION ALL ".join(["SELECT 1"] * 50_000),
        "10,000 joins": "SELECT 1 FROM lake.ods.t" + "".join(f" JOIN lake.ods.t AS t{i} USING (id)" for i in range(10_000)),
        "casts": "SELECT 1" + "::int" * 50_000,
        "concatenations": "SELECT " + "||".join(["'a'"] * 50_000),
        "subscripts": "SELECT a" + "[1]" * 50_000,
        "common table expressions": "".join("WITH a AS (" for _ in range(2_000)) + "SELECT 1" + ") SELECT 1" * 2_000,
    }
    for what, sql in deep.items():
        asks.sql(f"nesting of {what}", (400, 413), ("statement_too_deep", "syntax_error", "statement_too_long"), sql)
    asks.sql("two statements", 400, "statements_several", "SELECT 1; SELECT 2")
    asks.sql("no statement", 400, "syntax_error", " ;")
    for sql in ("DROP TABLE lake.ods.t", "CREATE TABLE lake.ods.u AS SELECT 1", "INSERT INTO lake.ods.t VALUES (1, 'a')",
                "COPY lake.ods.t TO '/tmp/out.csv'", "SET a = 1", "EXPLAIN ANALYZE SELECT 1",
                "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'"):
        asks.sql(sql, (400, 403), ("statement_not_allowed", "syntax_error"), sql)
    asks.sql("a file by its path", (400, 404), ("table_not_found", "invalid_name"), "SELECT * FROM '/etc/passwd'")
    # Many values are no depth: they must still be taken.
    values = ", ".join(str(i) for i in range(0, 10_000))
    status, text = http(asks.url + "/api/v1/sql", asks.token, "POST", {"sql": f"SELECT count(*) AS n FROM lake.ods.t WHERE id IN ({values})"})
    asks.scene.check("a list of 10,000 values is taken", status == 200 and json.loads(text) == {"n": 10_000}, text[:300])


def results(asks):
    asks.sql("more rows than asked for", (200, 413), "query_rows_limit", "SELECT * FROM lake.ods.t", limit_rows=100)
    cross = f"SELECT {HEAVY}"
    began = time.monotonic()
    asks.sql("a query that takes too long", 408, "query_timeout", cross, timeout_seconds=1)
    asks.scene.check("it is ended soon after its time", time.monotonic() - began < 30, time.monotonic() - began)
    asks.sql("a parameter that is missing", 400, "parameter_missing", "SELECT $a")
    asks.sql("a parameter of a strange kind", 400, ("parameter_invalid", "body_invalid"), "SELECT $a", parameters={"a": {"b": {"c": 1}}})
    text = "a" * 1000
    asks.sql("an answer of a function that grows without end", (200, 400, 408, 413, 507),
             ("query_memory_limit", "query_failed", "query_bytes_limit", "statement_invalid", "query_timeout"),
             f"SELECT repeat('{text}', 2000000000) AS a", timeout_seconds=10)


def endings(asks):
    for what, sql in FRUITLESS.items():
        asks.sql(f"a query over {what}", 408, "query_timeout", sql, timeout_seconds=1)
        spent, deadline = 1.0, time.monotonic() + NOTICED_SECONDS
        while spent > 0.5 and time.monotonic() < deadline:
            before = cpu_seconds(asks.server.process.pid)
            time.sleep(1)
            spent = cpu_seconds(asks.server.process.pid) - before
        asks.scene.check(f"after a query over {what} the processors rest", spent <= 0.5, f"{spent} CPU seconds in one")


def cpu_seconds(pid):
    """What a process has computed so far: proc(5), fields 14 and 15 of `stat`."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bodies(asks):
    path = "/api/v1/sql"
    asks.refused("a body of 40 MiB", 413, "body_too_large", path, body=b"x" * (40 * MEBIBYTE))
    asks.refused("a bottomless body", 400, "body_too_deep", path, body=b'{"sql": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    asks.refused("a body that is no JSON", 400, "body_invalid", path, body=b"\xff\xfe{")
    asks.refused("a field that is not known", 400, "body_invalid", path, body={"sql": "SELECT 1", "limit_row": 1})
    asks.refused("a form", 415, "media_type_wrong", path, body=b"sql=SELECT+1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    asks.refused("an Accept that is not offered", 406, "unknown_format",
                 path, body={"sql": "SELECT 1"}, headers={"Accept": "image/png"})
    # What is wrong with a document is said by its reader, in English.
    yaml = {"Content-Type": "application/yaml"}
    asks.refused("YAML of great depth", 400, DOCUMENT_CODES, "/api/v1/apply", body=b"a: " + b"[" * 50_000, headers=yaml, chinese=False)
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 12))
    asks.refused("YAML that grows by aliases", 400, DOCUMENT_CODES, "/api/v1/apply", body=bomb, headers=yaml, chinese=False)
    asks.refused("YAML of 40 MiB", 413, ("body_too_large", "document_too_large"), "/api/v1/apply", body=b"#" * (40 * MEBIBYTE), headers=yaml)


def services(asks):
    get = {"method": "GET"}
    bad = "service_parameter_invalid"
    asks.refused("a service's page that is too large", 400, bad, "/services/numbers?from=1&limit=101", **get)
    asks.refused("a service's value of a wrong type", 400, bad, "/services/numbers?from=one", **get)
    asks.refused("a service's value below its least", 400, bad, "/services/numbers?from=-1", **get)
    asks.refused("a service without its parameter", 400, "service_parameter_missing", "/services/numbers", **get)
    asks.refused("a parameter no service has", 400, "service_parameter_unknown", "/services/numbers?from=1&form=2", **get)
    quoted = urllib.parse.quote("1 OR 1=1; DROP TABLE t")
    asks.refused("SQL in a parameter", 400, bad, f"/services/numbers?from={quoted}", **get)
    asks.refused("a service that takes too long", (408, 504), "query_timeout", "/services/slow", **get)
    found = [http(asks.url + "/services/rationed", asks.token) for _ in range(6)]
    statuses = [status for status, _ in found]
    asks.scene.check("calls above the rate are refused", statuses.count(429) >= 3 and statuses[0] == 200, statuses)


def others(asks):
    asks.refused("an address that is not", 404, "address_not_found", "/api/v1/nothing", method="GET")
    asks.refused("a method that is not", 405, "method_not_allowed", "/api/v1/sql", method="DELETE")
    asks.refused("a query string of strange keys", 400, "query_string_invalid", "/api/v1/runs?limits=1", method="GET")
    status, _ = http(asks.url + "/api/v1/runs?pipeline=" + "x" * 100_000, asks.token)
    asks.scene.check("a very long address", status in (400, 404, 414, 431), status)
    status, _ = http(asks.url + "/healthz", headers={f"X-{i}": "y" * 500 for i in range(3_000)})
    asks.scene.check("very many headers", status in (400, 431), status)
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/services/..%2f..%2fmeta.db", "/api/v1/resources/Connection/..%2f..%2fx"):
        status, text = http(asks.url + path, asks.token)
        asks.scene.check(f"{path} leads nowhere", status in (400, 404) and "root:" not in text, f"{status} {text[:200]}")
    asks.alive("strange addresses")


def half_sent(scene, server):
    """Clients that open a request and never end it do not keep others from being served, nor the server from ending."""
    address = urllib.parse.urlsplit(server.url)
    held = []
    for number in range(300):
        one = socket.create_connection((address.hostname, address.port), timeout=10)
        one.sendall(b"POST /api/v1/sql HTTP/1.1\r\nHost: x\r\n" if number % 2 else b"GET /healthz HTT")
        held.append(one)
    status, _ = http(server.url + "/healthz", timeout=10)
    scene.check("300 half-sent requests keep nobody out", status == 200, status)
    for one in held:
        one.close()


if __name__ == "__main__":
    main()
