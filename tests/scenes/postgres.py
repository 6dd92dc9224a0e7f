"""The PostgreSQL server that scripts/servers starts, as a source."""

import subprocess
import urllib.parse

from trouble import connection


class Postgres:
    """The test server, spoken to with psql."""

    def __init__(self, url):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.user = parts.hostname, parts.port, parts.username
        self.password, self.database = parts.password, parts.path.lstrip("/")

    def sql(self, text):
        done = subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", self.url, "-c", text], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def connection(self, name, **other):
        options = {"host": self.host, "port": self.port, "database": self.database, "user": self.user,
                   "password": "env:PG_PASSWORD", **other}
        return connection(name, postgres=options)
