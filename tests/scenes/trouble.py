"""What the fault scenes share: a home with pipelines, runs that are meant to fail, and what every error owes its reader."""

import http.client as http_client
import json
import os
import re
import subprocess
import urllib.parse

import scene as scenes
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

# Any Chinese character.
CHINESE = re.compile("[\u4e00-\u9fff]")


class Home:
    """A platform in a folder of the scene, with what the fault scenes ask of it."""

    def __init__(self, scene, name="home", **settings):
        self.scene, self.path, self.env = scene, scene.folder / name, settings
        done = scene.run("init", "--home", self.path, env=settings)
        if done.returncode != 0:
            raise RuntimeError(f"dataux init ended with {done.returncode}:\n{done.stderr}")

    def apply(self, text):
        """Applies documents; they are written beside the home."""
        file = self.scene.folder / "apply.yaml"
        file.write_text(text)
        self.scene.must("apply", "--home", self.path, "-f", file, env=self.env)

    def run(self, *command, env=None):
        """A command on this home."""
        return self.scene.run(*command, "--home", self.path, env={**self.env, **(env or {})})

    def start(self, pipeline, *more, env=None):
        """Runs a pipeline to its end."""
        return Ran(self.run("run", pipeline, "-o", "json", "--progress", "none", *more, env=env))

    def resume(self, ran):
        """Goes on with a run."""
        return Ran(self.run("resume", ran.id, "-o", "json", "--progress", "none"))

    def rows(self, sql):
        """The answer of a statement as lists of values."""
        return self.scene.rows(self.path, sql)

    def table(self, name):
        """Rows of a lake table as another Delta reader sees them, or None if there is no such table."""
        _, schema, table = name.split(".")
        try:
            return DeltaTable(str(self.path / "lake" / schema / table)).to_pyarrow_table()
        except TableNotFoundError:
            return None

    def token(self, user):
        """A new API token of a user."""
        return self.scene.must("token", "create", "--home", self.path, "--user", user, env=self.env).strip()


class Ran:
    """A run that ended: its record, and what the command said."""

    def __init__(self, done):
        self.done, self.code = done, done.returncode
        self.record = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        self.id, self.state = self.record.get("id"), self.record.get("state")
        errors = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        self.error = errors[-1] if errors else {}

    def step(self, name):
        """One step of the record."""
        return next(step for step in self.record["steps"] if step["step"] == name)

    def __str__(self):
        return f"exit {self.code}\n{self.done.stdout[-3000:]}\n{self.done.stderr[-2000:]}"


def refused_well(scene, what, home, pipeline, code, *places, blame="source"):
    """A run that must fail: the error says what, where, whose fault and what to do, in both languages. Returns the run."""
    ran = home.start(pipeline)
    error = ran.error
    scene.check(f"{what}: the command ends with 1", ran.code == 1 and ran.state == "failed", ran)
    codes = (code,) if isinstance(code, str) else code
    scene.check(f"{what}: the code is {codes}", error.get("code") in codes, ran)
    scene.check(f"{what}: the fault is the {blame}'s", error.get("blame") == blame, error)
    recorded = (ran.record.get("error") or {}).get("blame")
    scene.check(f"{what}: the run's record blames the {blame} too", recorded == blame, ran.record.get("error"))
    for place in places:
        scene.check(f"{what}: the message names {place}", str(place) in error.get("message", ""), error)
    scene.check(f"{what}: there is advice", bool(error.get("hint")), error)
    chinese = home.run("runs", ran.id or "none", "-o", "json", env={"LANG": "zh_CN.UTF-8"})
    failed = [step["error"] for step in json.loads(chinese.stdout or "{}").get("steps", []) if step["error"]]
    said = [error[part] or "" for error in failed for part in ("message", "hint")]
    holds = said and all(map(CHINESE.search, said))
    scene.check(f"{what}: the run tells it in Chinese too", holds, f"{said} {chinese.stderr}")
    return ran


def nothing_in(scene, home, table):
    """No row of a failed run is in a table; the table itself may have been made."""
    found = home.table(table)
    scene.check(f"nothing partial in {table}", found is None or found.num_rows == 0, found and found.num_rows)


def measured(*arguments, home):
    """Runs the binary; its exit code, the most memory it had in bytes, and stderr."""
    with open(home.scene.folder / "stderr", "w+") as said, open(home.scene.folder / "stdout", "w+") as stdout:
        process = subprocess.Popen([scenes.DATAUX, *map(str, arguments), "--home", home.path], stdin=subprocess.DEVNULL,
                                   stdout=stdout, stderr=said, env=scenes.plain_environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return process.returncode, usage.ru_maxrss * 1024, said.read()


def http(url, token=None, method="GET", body=None, headers=None, timeout=120):
    """A request; its status and its text, or 0 and why there was no answer."""
    given = {"Content-Type": "application/json", **(headers or {})}
    if token:
        given["Authorization"] = f"Bearer {token}"
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    body = body.encode() if isinstance(body, str) else body
    parts = urllib.parse.urlsplit(url)
    asking = http_client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        try:
            asking.request(method, url[url.index("/", 8):], body, given)
        except (BrokenPipeError, ConnectionResetError):
            # The server has answered before all was sent.
            pass
        answer = asking.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http_client.HTTPException) as error:
        return 0, str(error)
    finally:
        asking.close()


def collect(name, source, into=None, mode="replace", **more):
    """A pipeline of one `collect` step called `take`, as YAML."""
    step = {"from": source, "into": into or f"lake.ods.{name.replace('-', '_')}", "mode": mode, **more}
    spec = {"steps": [{"name": "take", "collect": step}]}
    return f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: {name}\nspec: {json.dumps(spec)}\n"


def connection(name, **options):
    """A connection, as YAML."""
    return f"---\napiVersion: dataux/v1\nkind: Connection\nname: {name}\nspec: {json.dumps(options)}\n"
