"""The MariaDB server that scripts/servers starts, or the MySQL of scripts/mysql, as a source."""

import os
import subprocess
import urllib.parse

from trouble import connection


class Mysql:
    """The test server, spoken to with the mariadb client."""

    name, secret = "my", "MY_PASSWORD"

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.user = parts.hostname, parts.port, parts.username
        self.password, self.database = parts.password, parts.path.lstrip("/")
        self.schema = self.database

    def sql(self, text):
        """Runs statements; their rows as lines with bars between the values."""
        command = ["mariadb", "--no-defaults", f"--host={self.host}", f"--port={self.port}", f"--user={self.user}",
                   "--default-character-set=utf8mb4", "--batch", "--skip-column-names", self.database]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "MYSQL_PWD": self.password})
        if done.returncode != 0:
            raise RuntimeError(f"mariadb: {done.stderr}")
        return done.stdout.strip().replace("\t", "|")

    def numbers(self, count):
        """A relation `n` whose `i` runs from 1 to `count`."""
        digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
        places = range(len(str(count)))
        value = " + ".join(f"{10 ** place} * p{place}.d" for place in places)
        tables = " CROSS JOIN ".join(f"({digits}) AS p{place}" for place in places)
        return f"(SELECT * FROM (SELECT CAST(1 + {value} AS SIGNED) AS i FROM {tables}) AS every WHERE i <= {count}) AS n"

    def end_readers(self):
        """Ends the sessions that read a table; how many there were."""
        # Between two ranges of keys a session sleeps; nobody else is there.
        ids = self.sql("SELECT id FROM information_schema.processlist WHERE user = substring_index(user(), '@', 1) "
                       "AND id <> connection_id()").split()
        ended = 0
        for one in ids:
            try:
                self.sql(f"KILL {one}")
                ended += 1
            except RuntimeError as error:
                # It may just have ended by itself.
                if "Unknown thread id" not in str(error):
                    raise
        return ended

    def connection(self, name, **other):
        """A connection to it, as YAML."""
        options = {"host": self.host, "port": self.port, "database": self.database, "user": self.user,
                   "password": f"env:{self.secret}", **other}
        return connection(name, mysql=options)
