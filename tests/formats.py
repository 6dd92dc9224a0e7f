"""Files as other programs write them: all types, codecs and shapes are collected, and compared with what was written."""

import bz2
import datetime
import decimal
import gzip
import io
import json
import pathlib
import random
import subprocess
import sys
import uuid
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as parquet
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from scene import Scene
from trouble import Home, collect, connection, measured, nothing_in, refused_well

UTC = datetime.timezone.utc
# Most memory that one collecting command may take, in bytes.
MEMORY_MAX = 600_000_000


def main():
    with Scene("formats") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        home = Home(scene)
        home.apply(connection("in", files={"location": str(folder)}))
        parquet_files(scene, home, folder)
        orc_files(scene, home, folder)
        avro_files(scene, home, folder)
        avro_ages(scene, home, folder)
        sheets(scene, home, folder)
        older_sheets(scene, home, folder)
        large(scene, home, folder)
        broken(scene, home, folder)


class Collected:
    """What a pipeline of one step brought into the lake."""

    def __init__(self, scene, home, name, files, **more):
        home.apply(collect(name, "in", files=files, **more))
        self.ran = home.start(name)
        self.table = home.table(f"lake.ods.{name.replace('-', '_')}")
        scene.check(f"{name} is collected", self.ran.state == "succeeded" and self.table is not None, self.ran)

    def rows(self):
        """The rows by id, as Python values."""
        return sorted(self.table.to_pylist(), key=lambda row: row["id"]) if self.table else None

    def rejected(self):
        return self.ran.step("take")["rejected"] if self.ran.record else None


def same(scene, what, found, expected):
    """All rows are those written; the first difference is shown."""
    if found == expected:
        return scene.check(what, True)
    pairs = zip(found or [], expected)
    first = next(((a, b) for a, b in pairs if a != b), (len(found or []), len(expected)))
    return scene.check(what, False, f"found {first[0]}\n    expected {first[1]}")


def typed(rows=1000, seed=7):
    """A table of all types that Parquet and ORC share, with NULLs, extremes and Chinese text."""
    chance = random.Random(seed)
    some = lambda make: [None if i % 7 == 3 else make(i) for i in range(rows)]
    day = datetime.date(2013, 1, 1)
    moment = datetime.datetime(2013, 1, 1, 5, 15, 0, 123456)
    extremes = lambda first, last, make: (lambda i: first if i == 0 else last if i == 1 else make(i))
    cents = lambda i: decimal.Decimal(chance.randint(-10**17, 10**17)).scaleb(-5)
    columns = {
        "id": pa.array(range(rows), pa.int64()),
        "truth": pa.array(some(lambda i: i % 2 == 0), pa.bool_()),
        "tiny": pa.array(some(extremes(-128, 127, lambda i: i % 100)), pa.int8()),
        "small": pa.array(some(extremes(-32768, 32767, lambda i: i)), pa.int16()),
        "middle": pa.array(some(extremes(-(2**31), 2**31 - 1, lambda i: -i)), pa.int32()),
        "large": pa.array(some(extremes(-(2**63), 2**63 - 1, lambda i: i * 10**12)), pa.int64()),
        "single": pa.array(some(lambda i: i / 4), pa.float32()),
        "double": pa.array(some(extremes(-1.7976931348623157e308, 5e-324, lambda i: i / 3)), pa.float64()),
        "text": pa.array(some(lambda i: f"行 {i}, \"quoted\"\n" + "x" * (i % 50)), pa.string()),
        "bytes": pa.array(some(lambda i: bytes([i % 256, 0, 255])), pa.binary()),
        "day": pa.array(some(extremes(datetime.date(1, 1, 1), datetime.date(9999, 12, 31), lambda i: day + datetime.timedelta(i))), pa.date32()),
        "clock": pa.array(some(lambda i: moment + datetime.timedelta(seconds=i, microseconds=i)), pa.timestamp("us")),
        "instant": pa.array(some(lambda i: moment.replace(tzinfo=UTC) + datetime.timedelta(hours=i)), pa.timestamp("us", "UTC")),
        "money": pa.array(some(cents), pa.decimal128(20, 5)),
        "wide": pa.array(some(extremes(decimal.Decimal(-(10**38) + 1), decimal.Decimal(10**38 - 1), decimal.Decimal)), pa.decimal128(38, 0)),
        "list": pa.array(some(lambda i: [i, None, -i][: i % 4]), pa.list_(pa.int32())),
        "record": pa.array(some(lambda i: {"a": i, "b": None if i % 2 else f"b{i}"}), pa.struct([("a", pa.int64()), ("b", pa.string())])),
        "pairs": pa.array(some(lambda i: [(f"k{j}", j) for j in range(i % 3)]), pa.map_(pa.string(), pa.int64())),
        "deep": pa.array(some(lambda i: [{"at": [i, i + 1]}, None]), pa.list_(pa.struct([("at", pa.list_(pa.int16()))]))),
    }
    return pa.table(columns)


def parquet_files(scene, home, folder):
    table = typed()
    expected = table.to_pylist()
    for codec in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
        parquet.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=300)
        found = Collected(scene, home, f"parquet-{codec}", f"{codec}.parquet")
        same(scene, f"Parquet packed by {codec}", found.rows(), expected)
    parquet.write_table(table, folder / "plain.parquet", use_dictionary=False, version="1.0", data_page_version="2.0", store_schema=False)
    flat = [name for name in table.column_names if name not in ("tiny", "small", "deep")]
    found = Collected(scene, home, "parquet-plain", "plain.parquet")
    kept = [{name: row[name] for name in flat} for row in found.rows() or []]
    same(scene, "Parquet of version 1 without dictionaries", kept, table.select(flat).to_pylist())

    # Timestamps of 96 bits, as Hive, Impala and old Spark write them; the far ones do not fit nanoseconds of 64 bits.
    moments = [datetime.datetime(2013, 7, 4, 12, 30, 0, 123456), None, datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), datetime.datetime(1, 1, 1)]
    old = pa.table({"id": range(4), "at": pa.array(moments, pa.timestamp("us"))})
    for name, store in (("int96", True), ("int96-bare", False)):
        parquet.write_table(old, folder / f"{name}.parquet", use_deprecated_int96_timestamps=True, store_schema=store)
        found = Collected(scene, home, f"parquet-{name}", f"{name}.parquet", columns={"at": "timestamp_local"})
        same(scene, f"Parquet's timestamps of 96 bits ({name})", found.rows(), old.to_pylist())

    words = pa.array(["a", "b", None, "a"] * 250).dictionary_encode()
    wide = pa.table({"id": range(1000), "word": words, "big": pa.array(["大"] * 1000, pa.large_string()), "view": pa.array(["v"] * 1000, pa.string_view()),
                     "unsigned": pa.array([2**64 - 1] * 1000, pa.uint64()), "nanos": pa.array([1000 * i for i in range(999)] + [1], pa.timestamp("ns"))})
    parquet.write_table(wide, folder / "wide.parquet")
    found = Collected(scene, home, "parquet-wide", "wide.parquet")
    rows = found.rows() or []
    scene.check("dictionaries, views and large texts are text", rows[:3] and [row["word"] for row in rows[:3]] == ["a", "b", None], rows[:3])
    scene.check("unsigned numbers stay what they are", rows and rows[0]["unsigned"] == 2**64 - 1, rows[:1])
    scene.check("a nanosecond that would be cut sets its row aside", (len(rows), found.rejected()) == (999, 1), found.ran)
    parquet.write_table(table.slice(0, 0), folder / "none-at-all.parquet")
    found = Collected(scene, home, "parquet-empty", "none-at-all.parquet")
    scene.check("a Parquet file without rows makes an empty table", found.table.num_rows == 0 and len(found.table.column_names) == 19)


def orc_files(scene, home, folder):
    table = typed(20_000)
    # ORC cannot say the moment before 1970 in the way that others can (ORC-763); far years it can.
    far = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), None]
    table = table.append_column("far", pa.array((far * 6667)[:20_000], pa.timestamp("us")))
    expected = table.to_pylist()
    for codec in ("uncompressed", "snappy", "zlib", "lz4", "zstd"):
        orc.write_table(table, folder / f"{codec}.orc", compression=codec, stripe_size=64 << 10)
        stripes = orc.ORCFile(folder / f"{codec}.orc").nstripes
        found = Collected(scene, home, f"orc-{codec}", f"{codec}.orc")
        same(scene, f"ORC packed by {codec}, in {stripes} stripes", found.rows(), expected)
    scene.check("several stripes were tried", stripes > 1, stripes)
    nanos = pa.table({"id": [0, 1], "at": pa.array([1_357_000_000_123_456_000, 1_357_000_000_123_456_789], pa.timestamp("ns"))})
    orc.write_table(nanos, folder / "nanos.orc")
    found = Collected(scene, home, "orc-nanos", "nanos.orc")
    scene.check("ORC: a nanosecond that would be cut sets its row aside", (found.table.num_rows, found.rejected()) == (1, 1), found.ran)
    orc.write_table(table.slice(0, 0), folder / "none.orc")
    found = Collected(scene, home, "orc-empty", "none.orc")
    scene.check("an ORC file without rows makes an empty table", found.table.num_rows == 0 and "deep" in found.table.column_names)
    found = Collected(scene, home, "orc-typed", "nanos.orc", columns={"id": "decimal(5,2)", "at": "string"})
    texts = ["2013-01-01T00:26:40.123456", "2013-01-01T00:26:40.123456789"]
    same(scene, "ORC's columns are read as declared", found.rows(), [{"id": decimal.Decimal(i), "at": texts[i]} for i in (0, 1)])
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    orc.write_table(pa.table({"id": [1, 2], "either": union}), folder / "union.orc")
    home.apply(collect("orc-union", "in", files="union.orc"))
    refused_well(scene, "a union in ORC", home, "orc-union", "column_type_unsupported", "either", "union.orc")


RECORD = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "truth", "type": ["null", "boolean"]},
        {"name": "whole", "type": ["int", "null"]},
        {"name": "single", "type": ["null", "float"]},
        {"name": "double", "type": ["null", "double"]},
        {"name": "text", "type": ["null", "string"]},
        {"name": "bytes", "type": ["null", "bytes"]},
        {"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 4}},
        {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["red", "green"]}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "millis", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "micros", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {"name": "clock", "type": ["null", {"type": "long", "logicalType": "local-timestamp-micros"}]},
        {"name": "hour", "type": ["null", {"type": "long", "logicalType": "time-micros"}]},
        {"name": "hour_millis", "type": ["null", {"type": "int", "logicalType": "time-millis"}]},
        {"name": "money", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}]},
        {"name": "fixed_money", "type": {"type": "fixed", "name": "Money", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "list", "type": {"type": "array", "items": ["null", "int"]}},
        {"name": "pairs", "type": {"type": "map", "values": "long"}},
        {"name": "record", "type": ["null", {"type": "record", "name": "Inner", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": ["null", "string"]}]}]},
    ],
}


def avro_rows(rows):
    moment = datetime.datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
    for i in range(rows):
        some = lambda value: None if i % 7 == 3 else value
        yield {
            "id": i, "truth": some(i % 2 == 0), "whole": some((-(2**31), 2**31 - 1, i)[min(i, 2)]), "single": some(i / 4), "double": some(i / 3),
            "text": some(f"行 {i}\n" + "x" * (i % 50)), "bytes": some(bytes([i % 256, 0])), "mark": i.to_bytes(4, "big"), "colour": ("red", "green")[i % 2],
            "day": some((datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(2013, 1, 1) + datetime.timedelta(i))[min(i, 2)]),
            "millis": some(moment + datetime.timedelta(milliseconds=i)), "micros": some(moment + datetime.timedelta(microseconds=i)),
            "clock": some(datetime.datetime(2013, 1, 1, 0, 0, 0, i % 1000)), "hour": some(datetime.time(i % 24, 1, 2, i % 1000)),
            "hour_millis": some(datetime.time(i % 24, 1, 2, 5000)), "money": some(decimal.Decimal(i - 500).scaleb(-4) * 10**9),
            "fixed_money": decimal.Decimal(500 - i).scaleb(-2) * 10**8, "key": uuid.UUID(int=i), "list": [i, None, -i][: i % 4],
            "pairs": {f"k{j}": j for j in range(i % 3)}, "record": some({"a": i, "b": None if i % 2 else f"b{i}"}),
        }


def as_kept(row):
    """A row of Avro as the lake keeps it: times as microseconds, keys as text, maps as pairs."""
    micros = lambda time: time and ((time.hour * 60 + time.minute) * 60 + time.second) * 10**6 + time.microsecond
    return {**row, "hour": micros(row["hour"]), "hour_millis": micros(row["hour_millis"]), "key": str(row["key"]), "pairs": list(row["pairs"].items())}


def write_avro(path, schema, rows, **more):
    with open(path, "wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), rows, **more)


def avro_files(scene, home, folder):
    expected = [as_kept(row) for row in avro_rows(3000)]
    for codec in ("null", "deflate", "snappy", "zstandard", "bzip2", "xz"):
        write_avro(folder / f"{codec}.avro", RECORD, avro_rows(3000), codec=codec, sync_interval=5000)
        found = Collected(scene, home, f"avro-{codec}", f"{codec}.avro")
        same(scene, f"Avro packed by {codec}", found.rows(), expected)
    write_avro(folder / "none.avro", RECORD, [])
    found = Collected(scene, home, "avro-empty", "none.avro")
    scene.check("an Avro file without rows makes an empty table", found.table.num_rows == 0 and found.table.column_names == [field["name"] for field in RECORD["fields"]])
    (folder / "packed.avro.gz").write_bytes(gzip.compress((folder / "null.avro").read_bytes()))
    found = Collected(scene, home, "avro-gz", "packed.avro.gz")
    same(scene, "Avro in gzip", found.rows(), expected)
    found = Collected(scene, home, "avro-typed", "null.avro", columns={"whole": "int8", "double": "string", "money": "decimal(38,10)"})
    scene.check("what does not fit a declared type is set aside", 0 < (found.rejected() or 0) < 3000 and found.table.num_rows + found.rejected() == 3000, found.ran)
    (position, raw), = home.rows("SELECT position, encode(raw, 'base64') FROM lake.ods.avro_typed__quarantine WHERE position = 'null.avro:1'")
    scene.check("with its place", position == "null.avro:1" and raw, f"{position} {raw}")
    same(scene, "nothing is set aside but by the declared type", sorted(row["id"] for row in found.rows()), [row["id"] for row in expected if row["whole"] is None or -128 <= row["whole"] <= 127])

    either = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}, {"name": "either", "type": ["int", "string"]}]}
    write_avro(folder / "either.avro", either, [{"id": 1, "either": 2}, {"id": 2, "either": "b"}])
    home.apply(collect("avro-either", "in", files="either.avro"))
    refused_well(scene, "a union in Avro", home, "avro-either", "column_type_unsupported", "either", "either.avro")
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "id", "type": "int"}, {"name": "next", "type": ["null", "Tree"]}]}
    write_avro(folder / "tree.avro", tree, [{"id": 1, "next": {"id": 2, "next": None}}])
    home.apply(collect("avro-tree", "in", files="tree.avro"))
    refused_well(scene, "a record within itself", home, "avro-tree", ("file_corrupt", "column_type_unsupported"), "tree.avro")
    write_avro(folder / "bare.avro", "int", [1, 2])
    home.apply(collect("avro-bare", "in", files="bare.avro"))
    refused_well(scene, "Avro without records", home, "avro-bare", "file_corrupt", "bare.avro", "no record")


def avro_ages(scene, home, folder):
    """Files written by three versions of a program."""
    field = lambda name, kind, **more: {"name": name, "type": kind, **more}
    record = lambda *fields: {"type": "record", "name": "Order", "fields": list(fields)}
    write_avro(folder / "age1.avro", record(field("id", "int"), field("amount", "int")), [{"id": 1, "amount": 10}])
    write_avro(folder / "age2.avro", record(field("id", "long"), field("amount", "double"), field("note", ["null", "string"])), [{"id": 2, "amount": 0.5, "note": "two"}])
    write_avro(folder / "age3.avro", record(field("note", "string"), field("extra", "bytes"), field("id", "long"), field("amount", "float")), [{"id": 3, "amount": 1.5, "note": "three", "extra": b"x"}])
    home.apply(collect("ages-bare", "in", files="age*.avro"))
    refused_well(scene, "Avro files of different age", home, "ages-bare", "file_columns_differ", "age")
    schema = record(field("id", "long"), field("amount", "double"), field("note", ["null", "string"], default=None), field("source", "string", default="shop"))
    found = Collected(scene, home, "ages", "age*.avro", avro={"schema": json.dumps(schema)})
    expected = [(1, 10.0, None), (2, 0.5, "two"), (3, 1.5, "three")]
    same(scene, "in a declared schema they are one", found.rows(), [{"id": i, "amount": a, "note": n, "source": "shop"} for i, a, n in expected])


def sheets(scene, home, folder):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["nothing to see here"])
    sheet = book.create_sheet("年 2013")
    sheet["B2"] = "Flights of the year"
    for column, name in enumerate(("id", "name", "amount", "ratio", "truth", "day", "moment", "hour", "mixed"), 2):
        sheet.cell(4, column, name)
    rows = []
    for i in range(5000):
        row = {"id": i, "name": None if i % 5 == 2 else f"名 {i}", "amount": decimal.Decimal(i * 7 - 9).scaleb(-2), "ratio": i / 8 if i % 2 else float(i),
               "truth": i % 2 == 0, "day": datetime.date(1900, 3, 1) + datetime.timedelta(i * 7), "moment": datetime.datetime(2013, 1, 1, 0, 0, 0, 250_000) + datetime.timedelta(minutes=i),
               "hour": datetime.time(i % 24, 30, 15), "mixed": (i, f"x{i}", True)[i % 3]}
        rows.append(row)
        for column, value in enumerate(row.values(), 2):
            sheet.cell(6 + i, column, value)
    sheet["M3"] = "a note beside the table"
    book.save(folder / "book.xlsx")
    excel = {"sheet": "年 2013", "header_row": 4, "range": "B4:J"}
    found = Collected(scene, home, "sheet", "book.xlsx", excel=excel, columns={"amount": "decimal(12,2)"})
    micros = lambda time: ((time.hour * 60 + time.minute) * 60 + time.second) * 10**6
    text = lambda value: str(value).lower() if isinstance(value, bool) else str(value)
    expected = [{**row, "hour": micros(row["hour"]), "mixed": text(row["mixed"])} for row in rows]
    same(scene, "a sheet of all kinds of cell", found.rows(), expected)
    found = Collected(scene, home, "sheet-two", "book.xlsx", excel={**excel, "sheet": 2, "range": "B4:C104"})
    same(scene, "a range of a sheet, by its place", found.rows(), [{"id": row["id"], "name": row["name"]} for row in rows[:99]])
    found = Collected(scene, home, "sheet-bare", "book.xlsx", excel={"sheet": 2, "header_row": 0, "range": "B6:C9"}, columns={"id": "int32", "word": "string"})
    same(scene, "without a header the declared names hold", found.rows(), [{"id": row["id"], "word": row["name"]} for row in rows[:4]])

    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["id", "day", "value"])
    book.active.append([1, datetime.date(2013, 1, 1), 1])
    book.active.append([2, datetime.date(1904, 1, 2), "#DIV/0!"])
    book.active["C3"].data_type = "e"
    book.active.append([3, "soon", 3])
    book.active.append([None, None, None])
    book.active.append([4, datetime.date(2013, 1, 4), 4.5])
    book.save(folder / "cells.xlsx")
    found = Collected(scene, home, "cells", "cells.xlsx", columns={"id": "int32", "day": "date", "value": "int32"})
    same(scene, "days counted from 1904", found.rows(), [{"id": 1, "day": datetime.date(2013, 1, 1), "value": 1}])
    aside = home.rows("SELECT cause, position, message FROM lake.ods.cells__quarantine ORDER BY position")
    expected = [["cell_error", "cells.xlsx:Sheet!C3"], ["value_unfit", "cells.xlsx:Sheet!B4"], ["value_unfit", "cells.xlsx:Sheet!C6"]]
    scene.check("cells that do not fit are set aside by their place", sorted(row[:2] for row in aside) == sorted(expected), aside)
    scene.check("and the message names the error, or the column and its type", "#DIV/0!" in str(aside) and "`day`" in str(aside), aside)

    home.apply(collect("sheet-gone", "in", files="book.xlsx", excel={"sheet": "2014"}))
    refused_well(scene, "a sheet that is missing", home, "sheet-gone", "sheet_missing", "book.xlsx", "年 2013")
    found = Collected(scene, home, "sheet-title", "book.xlsx", excel={"sheet": 2})
    causes = home.rows("SELECT cause, count(*) FROM lake.ods.sheet_title__quarantine GROUP BY 1")
    scene.check("under a title taken for a header rows are set aside, not cut", (found.table.num_rows, causes) == (0, [["too_many_fields", 5002]]), f"{found.ran} {causes}")


def older_sheets(scene, home, folder):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Rows")
    day, moment = xlwt.easyxf(num_format_str="yyyy-mm-dd"), xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss")
    expected = []
    for column, name in enumerate(("id", "name", "value", "day", "at", "truth")):
        sheet.write(0, column, name)
    for i in range(300):
        row = {"id": i, "name": f"名{i}", "value": i / 8, "day": datetime.date(2013, 1, 1) + datetime.timedelta(i),
               "at": datetime.datetime(2013, 1, 1) + datetime.timedelta(seconds=i * 3601), "truth": i % 3 == 0}
        expected.append(row)
        for column, (name, value) in enumerate(row.items()):
            sheet.write(i + 1, column, value, {"day": day, "at": moment}.get(name, xlwt.Style.default_style))
    book.save(folder / "old.xls")
    found = Collected(scene, home, "xls", "old.xls")
    same(scene, "a sheet of Excel 97", found.rows(), expected)

    book = OpenDocumentSpreadsheet()
    sheet = Table(name="Rows")
    def row(*cells):
        line = TableRow()
        for kind, value in cells:
            attribute = {"float": "value", "date": "datevalue", "boolean": "booleanvalue", "time": "timevalue"}.get(kind)
            cell = TableCell(valuetype=kind, **({attribute: value} if attribute else {})) if kind else TableCell()
            if kind == "string":
                cell.addElement(P(text=value))
            line.addElement(cell)
        sheet.addElement(line)
    row(*(("string", name) for name in ("id", "name", "value", "day", "at", "truth", "hour")))
    for i, line in enumerate(expected):
        row(("float", str(i)), ("string", line["name"]), ("float", str(line["value"])), ("date", line["day"].isoformat()),
            ("date", line["at"].isoformat()), ("boolean", str(line["truth"]).lower()), ("time", f"PT{i % 24:02}H{i % 60:02}M05S"))
    sheet.addElement(TableRow(numberrowsrepeated=1_000_000))
    book.spreadsheet.addElement(sheet)
    book.save(folder / "office.ods")
    found = Collected(scene, home, "ods", "office.ods")
    hours = lambda i: ((i % 24 * 60 + i % 60) * 60 + 5) * 10**6
    same(scene, "a sheet of LibreOffice", found.rows(), [{**line, "hour": hours(i)} for i, line in enumerate(expected)])


def write_large(folder):
    """Writes files much larger than a batch."""
    words = pa.array([f"a text of some length, number {i}" * 4 for i in range(500_000)])
    table = pa.table({"id": range(500_000), "word": words})
    orc.write_table(table, folder / "large.orc", compression="zstd")
    parquet.write_table(table, folder / "large.parquet", row_group_size=500_000)
    rows = ({"id": i, "word": f"a text of some length, number {i}" * 4} for i in range(250_000))
    schema = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "word", "type": "string"}]}
    write_avro(folder / "large.avro", schema, rows, codec="deflate")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.append(["id", *(f"c{j}" for j in range(9))])
    for i in range(30_000):
        sheet.append([i, *(i * j for j in range(8)), f"a text of some length, number {i}"])
    book.save(folder / "large.xlsx")


def large(scene, home, folder):
    """Large files are read in bounded memory. Another process writes them, for what this one has counts for its children too."""
    subprocess.run([sys.executable, __file__, folder], check=True)
    for kind, count in (("orc", 500_000), ("parquet", 500_000), ("avro", 250_000), ("xlsx", 30_000)):
        home.apply(collect(f"large-{kind}", "in", files=f"large.{kind}"))
        code, memory, said = measured("run", f"large-{kind}", "--progress", "none", home=home)
        found = home.rows(f"SELECT count(*), count(DISTINCT id), sum(id) FROM lake.ods.large_{kind}") if code == 0 else said
        scene.check(f"a large file of {kind} is read whole", found == [[count, count, count * (count - 1) // 2]], found)
        scene.check(f"a large file of {kind} is read in bounded memory", memory < MEMORY_MAX, memory)
        (folder / f"large.{kind}").unlink()


def broken(scene, home, folder):
    """Cut, harmed and hostile files: refused by name, with nothing of them in the table."""
    book = openpyxl.Workbook()
    book.active.append(["id"])
    for i in range(2000):
        book.active.append([i])
    book.save(folder / "rows.xlsx")
    for kind in ("avro", "orc", "xlsx"):
        whole = {"avro": folder / "deflate.avro", "orc": folder / "zlib.orc", "xlsx": folder / "rows.xlsx"}[kind].read_bytes()
        harmed = bytearray(whole)
        harmed[len(whole) // 3 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 3)
        for how, content in (("cut", whole[: len(whole) * 2 // 3]), ("harmed", harmed), ("none", b""), ("noise", random.Random(1).randbytes(5000))):
            (folder / f"{how}-{kind}.{kind}").write_bytes(content)
            name = f"{how}-{kind}"
            home.apply(collect(name, "in", files=f"{name}.{kind}"))
            refused_well(scene, f"{how} {kind}", home, name, ("file_truncated", "file_corrupt"), f"{name}.{kind}")
            nothing_in(scene, home, f"lake.ods.{how}_{kind}")

    sheet = "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>" + " " * 1000
    bombs = {}
    with zipfile.ZipFile(folder / "rows.xlsx") as rows:
        members = {name: rows.read(name) for name in rows.namelist()}
    for name, member in (("sheet", "xl/worksheets/sheet1.xml"), ("texts", "xl/sharedStrings.xml")):
        with zipfile.ZipFile(folder / f"bomb-{name}.xlsx", "w", zipfile.ZIP_DEFLATED) as bomb:
            for other, content in members.items():
                if other != member:
                    bomb.writestr(other, content)
            with bomb.open(member, "w", force_zip64=True) as file:
                file.write(sheet.encode() if name == "sheet" else b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>")
                for _ in range(1000):
                    file.write(b"x" * 1_000_000)
        bombs[f"bomb-{name}.xlsx"] = "file_expands"
    with zipfile.ZipFile(folder / "bomb-count.xlsx", "w", zipfile.ZIP_DEFLATED) as bomb:
        for other, content in members.items():
            if other != "xl/sharedStrings.xml":
                bomb.writestr(other, content)
        bomb.writestr("xl/sharedStrings.xml", "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main' uniqueCount='999999999999'></sst>")
    bombs["bomb-count.xlsx"] = "file_corrupt"
    with zipfile.ZipFile(folder / "office.ods") as office, zipfile.ZipFile(folder / "bomb.ods", "w", zipfile.ZIP_DEFLATED) as bomb:
        for other in office.namelist():
            content = office.read(other)
            if other == "content.xml":
                content = content.replace(b"<table:table-row>", b"<table:table-row table:number-rows-repeated=\"1000000\">", 5)
            bomb.writestr(other, content)
    bombs["bomb.ods"] = "file_corrupt"
    # One block of a gigabyte of one letter.
    header = io.BytesIO()
    fastavro.writer(header, fastavro.parse_schema({"type": "record", "name": "R", "fields": [{"name": "id", "type": "bytes"}]}), [], codec="bzip2", sync_marker=bytes(16))
    packer = bz2.BZ2Compressor()
    packed = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(1000)) + packer.flush()
    (folder / "bomb.avro").write_bytes(header.getvalue() + varint(1) + varint(len(packed)) + packed + bytes(16))
    bombs["bomb.avro"] = ("file_expands", "file_corrupt")
    for file, code in bombs.items():
        name = file.replace(".", "-")
        home.apply(collect(name, "in", files=file))
        refused_well(scene, f"the bomb {file}", home, name, code, file)
        code, memory, said = measured("run", name, "--progress", "none", home=home)
        scene.check(f"the bomb {file} is met in bounded memory", code == 1 and memory < MEMORY_MAX, f"{memory} {said}")


def varint(value):
    value, written = value << 1, bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


if __name__ == "__main__":
    if sys.argv[1:]:
        write_large(pathlib.Path(sys.argv[1]))
    else:
        main()
