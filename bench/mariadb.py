"""MariaDB into the lake: five million rows of TPC-H's lineitem, by four readers, beside connectorx and deltalake.

Runs under scripts/servers, which says where the server is.
"""

import os
import pathlib
import subprocess
import urllib.parse

from bench import database
from bench.database import table


class MariaDB:
    def __init__(self, url):
        self.url, self.parts = url, urllib.parse.urlsplit(url)
        self.password, self.name = self.parts.password, self.parts.path.lstrip("/")
        self.table = f"{self.name}.lineitem"

    def sql(self, text):
        command = ["mariadb", "--no-defaults", f"--host={self.parts.hostname}", f"--port={self.parts.port}", f"--user={self.parts.username}",
                   "--protocol=tcp", "--local-infile=1", "--batch", "--skip-column-names", self.name, "-e", text]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                              env={**os.environ, "MYSQL_PWD": self.password}).stdout.strip()

    def load(self, file):
        self.sql(f"CREATE TABLE lineitem ({database.COLUMNS}, PRIMARY KEY ({database.KEY})) ENGINE = InnoDB")
        self.sql("SET unique_checks = 0; SET foreign_key_checks = 0; "
                 f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE lineitem FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''")
        self.sql("ANALYZE TABLE lineitem")

    def count(self):
        return int(self.sql("SELECT count(*) FROM lineitem"))

    def version(self):
        return f"MariaDB {self.sql('SELECT version()')}"

    def process(self):
        return int(pathlib.Path(self.sql("SELECT @@pid_file")).read_text())

    def connection(self, password):
        return {"mysql": {"host": self.parts.hostname, "port": self.parts.port, "database": self.name,
                          "user": self.parts.username, "password": password}}


def title(_):
    return "MariaDB into the lake"


if __name__ == "__main__":
    database.bench(__doc__, "mariadb", MariaDB(os.environ["DATAUX_TEST_MYSQL_URL"]))
