"""The S3 server that scripts/servers starts: a place of its own in its bucket, seen by other programs than ours."""

import json
import os
import urllib.parse
import uuid

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyarrow.fs import FileSelector, FileType, S3FileSystem
from trouble import Home


class Bucket:
    """A fresh prefix of the test server's bucket."""

    def __init__(self):
        set_ = lambda name: os.environ[f"DATAUX_TEST_S3_{name}"]
        if "DATAUX_TEST_S3_ENDPOINT" not in os.environ:
            raise RuntimeError("DATAUX_TEST_S3_ENDPOINT is not set: run this under scripts/servers")
        self.endpoint, self.id, self.secret = set_("ENDPOINT"), set_("ACCESS_KEY_ID"), set_("SECRET_ACCESS_KEY")
        self.path = f"{set_('BUCKET')}/{uuid.uuid4()}"
        self.url = f"s3://{self.path}"
        parts = urllib.parse.urlsplit(self.endpoint)
        self.host, self.port = parts.hostname, parts.port
        self.files = S3FileSystem(access_key=self.id, secret_key=self.secret, endpoint_override=self.endpoint)

    def write(self, name, content):
        with self.files.open_output_stream(f"{self.path}/{name}") as file:
            file.write(content)

    def read(self, name):
        with self.files.open_input_stream(f"{self.path}/{name}") as file:
            return file.read()

    def names(self, folder=""):
        """The files below a folder."""
        found = self.files.get_file_info(FileSelector(f"{self.path}/{folder}", recursive=True, allow_not_found=True))
        return sorted(one.path.removeprefix(f"{self.path}/") for one in found if one.type == FileType.File)

    def store(self, endpoint=None, of="S3"):
        """What a connection or the lake declares of it; the keys are in the environment of its home, those of the lake apart."""
        return {"endpoint": endpoint or self.endpoint, "access_key_id": f"env:{of}_ID", "secret_access_key": f"env:{of}_SECRET", "allow_http": True}

    def keys(self, secret=None):
        return {f"{of}_{key}": value for of in ("S3", "LAKE") for key, value in (("ID", self.id), ("SECRET", secret or self.secret))}


class RemoteHome(Home):
    """A platform whose lake is in a bucket."""

    def __init__(self, scene, bucket, name="remote", endpoint=None, secret=None):
        self.bucket = bucket
        store = json.dumps(bucket.store(endpoint, of="LAKE"))
        super().__init__(scene, name, DATAUX_LAKE=f"{bucket.url}/lake", DATAUX_LAKE_STORE=store, **bucket.keys(secret))

    def rows(self, sql):
        done = self.run("sql", "-c", sql, "--output", "ndjson")
        if done.returncode != 0:
            raise RuntimeError(f"dataux sql ended with {done.returncode}:\n{done.stderr}")
        return [list(json.loads(line).values()) for line in done.stdout.splitlines()]

    def table(self, name):
        _, schema, table = name.split(".")
        options = {"AWS_ENDPOINT_URL": self.bucket.endpoint, "AWS_ACCESS_KEY_ID": self.bucket.id, "AWS_SECRET_ACCESS_KEY": self.bucket.secret,
                   "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
        try:
            return DeltaTable(f"{self.bucket.url}/lake/{schema}/{table}", storage_options=options).to_pyarrow_table()
        except TableNotFoundError:
            return None
