"""The PostgreSQL server that scripts/servers starts, as a source."""

import subprocess
import urllib.parse

from trouble import connection


class Postgres:
    """The test server, spoken to with psql."""

    name, schema, secret = "pg", "public", "PG_PASSWORD"

    def __init__(self, url):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.user = parts.hostname, parts.port, parts.username
        self.password, self.database = parts.password, parts.path.lstrip("/")

    def sql(self, text):
        """Runs a statement; its rows as lines with bars between the values."""
        done = subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", self.url, "-c", text], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def numbers(self, count):
        """A relation `n` whose `i` runs from 1 to `count`."""
        return f"generate_series(1, {count}) AS n(i)"

    def end_readers(self):
        """Ends the sessions that read a table; how many there were."""
        ended = self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'copy%' AND pid <> pg_backend_pid()")
        return ended.split().count("t")

    def connection(self, name, **other):
        """A connection to it, as YAML."""
        options = {"host": self.host, "port": self.port, "database": self.database, "user": self.user,
                   "password": f"env:{self.secret}", **other}
        return connection(name, postgres=options)
