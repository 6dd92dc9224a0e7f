"""PostgreSQL into the lake: five million rows of TPC-H's lineitem, by four readers, beside connectorx and deltalake.

Runs under scripts/servers, which says where the server is.
"""

import os
import pathlib
import subprocess
import urllib.parse

from bench import database
from bench.database import table


class Postgres:
    table = "public.lineitem"

    def __init__(self, url):
        # Neither side encrypts.
        self.url, self.parts = f"{url}?sslmode=disable", urllib.parse.urlsplit(url)
        self.password = self.parts.password

    def sql(self, text):
        return subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", self.url, "-c", text], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def load(self, file):
        self.sql(f"CREATE TABLE lineitem ({database.COLUMNS})")
        self.sql(f"\\copy lineitem FROM '{file}' WITH (FORMAT csv)")
        self.sql(f"ALTER TABLE lineitem ADD PRIMARY KEY ({database.KEY})")
        self.sql("VACUUM (ANALYZE, FREEZE) lineitem")
        self.sql("CHECKPOINT")

    def count(self):
        return int(self.sql("SELECT count(*) FROM lineitem"))

    def version(self):
        return f"PostgreSQL {self.sql('SHOW server_version')}"

    def process(self):
        return int((pathlib.Path(self.sql("SHOW data_directory")) / "postmaster.pid").read_text().split()[0])

    def connection(self, password):
        return {"postgres": {"host": self.parts.hostname, "port": self.parts.port, "database": self.parts.path.lstrip("/"),
                             "user": self.parts.username, "password": password}}


def title(_):
    return "PostgreSQL into the lake"


if __name__ == "__main__":
    database.bench(__doc__, "postgres", Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"]))
