"""The data of the benchmarks, made once and kept in a cache folder."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

from bench import measure

TPCH_TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
# The columns of the example's flights, as the example's pipeline declares them.
FLIGHTS = {"year": "int16", "month": "int8", "day": "int8", "dep_time": "int16", "sched_dep_time": "int16", "dep_delay": "int16",
           "arr_time": "int16", "sched_arr_time": "int16", "arr_delay": "int16", "carrier": "string", "flight": "int32",
           "tailnum": "string", "origin": "string", "dest": "string", "air_time": "int16", "distance": "int32", "hour": "int8",
           "minute": "int8", "time_hour": "timestamp"}


def made(path, make):
    """The file or folder at `path`; if it is not there, `make` writes it at the path that it is given."""
    if not path.exists():
        measure.say(f"making {path}")
        part = path.with_name(path.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        make(part)
        part.rename(path)
    return path


def tpch(cache, scale):
    """A folder with TPC-H's tables as TABLE.parquet, as the generator writes them by itself."""
    generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
    return made(cache / f"tpch-sf{scale:g}",
                lambda part: subprocess.run([generator, "parquet", "-q", "-s", f"{scale:g}", "-o", part], check=True))


def flights(cache, copies, rows_max=None):
    """One CSV file with the example's year of flights `copies` times over, or with the first rows of that."""
    def make(part):
        lines = []
        for archive in sorted((measure.ROOT / "examples" / "airline" / "data").glob("flights*.csv.zip")):
            with zipfile.ZipFile(archive) as members:
                for member in members.namelist():
                    header, *rows = members.read(member).splitlines(keepends=True)
                    lines += [row if row.endswith(b"\n") else row + b"\n" for row in rows]
        with open(part, "wb") as file:
            file.write(header)
            year = b"".join(lines[:rows_max])
            for _ in range(copies):
                file.write(year)
    return made(cache / (f"flights-x{copies}.csv" if rows_max is None else f"flights-{rows_max}.csv"), make)


def lineitem(cache, rows, scale):
    """A CSV file without a header, and the Parquet file it was made of: the first rows of TPC-H's lineitem."""
    import duckdb
    first = made(cache / f"lineitem-{rows}.parquet", lambda part: duckdb.sql(
        f"COPY (SELECT * FROM '{tpch(cache, scale)}/lineitem.parquet' LIMIT {rows}) TO '{part}' (FORMAT parquet)"))
    text = made(cache / f"lineitem-{rows}.csv",
                lambda part: duckdb.sql(f"COPY (SELECT * FROM '{first}') TO '{part}' (FORMAT csv, HEADER false)"))
    return text, first
