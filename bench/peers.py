"""The peers, each a process of its own so that its time and memory are its own: python -m bench.peers NAME ARGUMENTS (JSON).

Answers are JSON lines on stdout. Imports and connecting are not part of the time that a peer reports.
"""

import json
import resource
import sys
import time


def main():
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    PEERS[name](**arguments)


def tell(**answer):
    print(json.dumps(answer), flush=True)


def spent():
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def duckdb_queries(tables, threads):
    """Answers statements from stdin, one JSON text a line: a line with the times and the number of bytes that follow it, which
    are the answer as an Arrow IPC stream. `tables` gives each name's Parquet files."""
    import duckdb
    import pyarrow
    database = duckdb.connect(config={"threads": threads})
    for name, files in tables.items():
        schema = name.split(".")[0]
        database.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files!r})")
    tell(ready=True)
    for line in sys.stdin:
        cpu, began = spent(), time.perf_counter()
        answer = database.sql(json.loads(line)).to_arrow_table()
        wall, cpu = time.perf_counter() - began, spent() - cpu
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, answer.schema) as writer:
            writer.write_table(answer)
        data = sink.getvalue()
        tell(wall_seconds=wall, cpu_seconds=cpu, bytes=data.size)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def duckdb_csv(csv, columns, to, threads):
    """Reads a CSV file with declared columns and writes one Parquet file, compressed as the product compresses."""
    import duckdb
    database = duckdb.connect(config={"threads": threads})
    database.execute("SET timezone = 'UTC'")
    began = time.perf_counter()
    database.execute(f"COPY (SELECT * FROM read_csv('{csv}', header = true, nullstr = ['NA', ''], columns = {columns!r})) "
                     f"TO '{to}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    tell(wall_seconds=time.perf_counter() - began)


def connectorx_whole(url, readers, to):
    """Reads lineitem into memory by several readers, then writes a Delta table."""
    copy_with_connectorx(url, readers, to, return_type="arrow")


def connectorx_stream(url, readers, to):
    """Reads lineitem by several readers as a stream of batches, which are written as they come."""
    copy_with_connectorx(url, readers, to, return_type="arrow_stream", batch_size=65_536)


def copy_with_connectorx(url, readers, to, **how):
    import connectorx
    from deltalake import WriterProperties, write_deltalake
    began = time.perf_counter()
    rows = connectorx.read_sql(url, "SELECT * FROM lineitem", partition_on="l_orderkey", partition_num=readers, **how)
    write_deltalake(to, rows, mode="overwrite", writer_properties=WriterProperties(compression="ZSTD", compression_level=1))
    tell(wall_seconds=time.perf_counter() - began)


PEERS = {peer.__name__: peer for peer in (duckdb_queries, duckdb_csv, connectorx_whole, connectorx_stream)}

if __name__ == "__main__":
    main()
