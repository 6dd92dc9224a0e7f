"""Bad files: each is refused or set aside with cause, place and bytes, in bounded memory, and never read as garbage."""

import base64
import gzip
import pathlib
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import Scene
from trouble import Home, collect, connection, measured, nothing_in, refused_well

COLUMNS = {"id": "int32", "name": "string"}
# Most memory that one collecting command may take, in bytes.
MEMORY_MAX = 600_000_000
# Bytes of the long line, and of the bomb once unpacked.
LONG_LINE, BOMB = 100_000_000, 1_000_000_000


def main():
    with Scene("faults_files") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        home = Home(scene)
        home.apply(connection("in", files={"location": str(folder)}))
        nothing(scene, home, folder)
        cut(scene, home, folder)
        encodings(scene, home, folder)
        records(scene, home, folder)
        json_lines(scene, home, folder)
        long_line(scene, home, folder)
        bomb(scene, home, folder)


def pipeline(home, name, files, columns=COLUMNS, **more):
    home.apply(collect(name, "in", files=files, columns=columns, **more))


def quarantine(home, table):
    """The records set aside: cause, position and bytes."""
    found = home.rows(f"SELECT cause, position, raw FROM {table}__quarantine ORDER BY position")
    return [(cause, position, base64.b64decode(raw)) for cause, position, raw in found]


def nothing(scene, home, folder):
    pipeline(home, "missing", "nowhere*.csv")
    refused_well(scene, "a pattern without files", home, "missing", "files_missing", "nowhere*.csv", folder)
    home.apply(connection("gone", files={"location": str(folder / "gone")}) + collect("folder", "gone", files="*.csv"))
    refused_well(scene, "a folder that is missing", home, "folder", ("store_location_missing", "files_missing"), folder / "gone")

    (folder / "empty.csv").write_bytes(b"")
    pipeline(home, "empty", "empty.csv")
    refused_well(scene, "an empty file", home, "empty", "file_empty", "empty.csv")
    scene.check("an empty file makes no table", home.table("lake.ods.empty") is None)

    (folder / "header.csv").write_text("id,name\n")
    pipeline(home, "header", "header.csv")
    ran = home.start("header")
    scene.check("a file of a header alone is read", ran.state == "succeeded", ran)
    scene.check("and has no rows", home.rows("SELECT count(*) FROM lake.ods.header") == [[0]])

    (folder / "other.csv").write_text("number,text\n1,a\n")
    pipeline(home, "other", "other.csv")
    refused_well(scene, "a file of other columns", home, "other", ("column_missing", "file_columns_differ"), "other.csv")


def cut(scene, home, folder):
    rows = "id,name\n" + "".join(f"{i},name number {i * 7919 % 100_003}\n" for i in range(200_000))
    packed = gzip.compress(rows.encode())
    (folder / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "whole.csv").write_text(rows)
    with zipfile.ZipFile(folder / "cut.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cut.csv", rows)
    whole = (folder / "cut.csv.zip").read_bytes()
    (folder / "cut.csv.zip").write_bytes(whole[: len(whole) // 2])
    # Damage in the middle of a member, with the archive's list in order.
    harmed = bytearray(whole)
    harmed[len(whole) // 2 : len(whole) // 2 + 64] = bytes(64)
    (folder / "harmed.csv.zip").write_bytes(harmed)
    (folder / "noise.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 40)
    for name, files in (("gzip", "cut.csv.gz"), ("zip", "cut.csv.zip"), ("harmed", "harmed.csv.zip"), ("noise", "noise.parquet")):
        pipeline(home, f"cut-{name}", files)
        refused_well(scene, files, home, f"cut-{name}", ("file_truncated", "file_corrupt"), files)
        nothing_in(scene, home, f"lake.ods.cut_{name}")
        scene.check(f"{files} sets nothing aside", home.table(f"lake.ods.cut_{name}__quarantine") is None)
    # A whole file beside a cut one: the table is all or nothing.
    (folder / "cut-b.csv").write_text("id,name\n1,a\n")
    pipeline(home, "cut-both", "cut*.csv*", mode="append")
    refused_well(scene, "a cut file beside a whole one", home, "cut-both", ("file_truncated", "file_corrupt"), "cut.csv")
    nothing_in(scene, home, "lake.ods.cut_both")
    (folder / "cut.csv.gz").write_bytes(packed)
    (folder / "cut.csv.zip").write_bytes(whole)
    ran = home.start("cut-both")
    scene.check("once mended all is read", ran.state == "succeeded", ran)
    found = home.rows("SELECT count(*) FROM lake.ods.cut_both")
    scene.check("once mended all is there", found == [[400_001]], found)


def encodings(scene, home, folder):
    (folder / "gbk.csv").write_bytes("id,name\n1,北京\n2,plain\n3,上海市|浦东\n".encode("gbk"))
    pipeline(home, "gbk", "gbk.csv", csv={"encoding": "gbk"})
    ran = home.start("gbk")
    found = home.rows("SELECT id, name FROM lake.ods.gbk ORDER BY id")
    expected = [[1, "北京"], [2, "plain"], [3, "上海市|浦东"]]
    scene.check("a GBK file that is declared so is read", ran.state == "succeeded" and found == expected, f"{ran} {found}")

    pipeline(home, "not-utf8", "gbk.csv")
    ran = home.start("not-utf8")
    found = home.rows("SELECT id, name FROM lake.ods.not_utf8 ORDER BY id")
    scene.check("undeclared, its lines that are UTF-8 are read", ran.state == "succeeded" and found == [[2, "plain"]], f"{ran} {found}")
    aside = quarantine(home, "lake.ods.not_utf8")
    expected = [("encoding_invalid", "gbk.csv:2", "1,北京".encode("gbk")), ("encoding_invalid", "gbk.csv:4", "3,上海市|浦东".encode("gbk"))]
    scene.check("and the others are set aside as they are", aside == expected, aside)

    (folder / "head.csv").write_bytes("编号,名称\n1,北京\n".encode("gbk"))
    pipeline(home, "head", "head.csv", columns={})
    refused_well(scene, "a header in another encoding", home, "head", "file_encoding", "head.csv", "UTF-8")
    (folder / "wide.csv").write_bytes("id,name\n1,a\n".encode("utf-16"))
    pipeline(home, "wide", "wide.csv")
    refused_well(scene, "UTF-16", home, "wide", "file_utf16", "wide.csv")


def records(scene, home, folder):
    (folder / "rows.csv").write_bytes(b'id,name\n1,one\n2\n3,three,3\n4,"four\nlines"\n99999999999,big\nx,word\n5,five\n')
    pipeline(home, "rows", "rows.csv")
    ran = home.start("rows")
    found = home.rows("SELECT id, name FROM lake.ods.rows ORDER BY id")
    scene.check("good rows beside bad ones are read", found == [[1, "one"], [4, "four\nlines"], [5, "five"]], f"{ran} {found}")
    expected = [("too_few_fields", "rows.csv:3", b"2"), ("too_many_fields", "rows.csv:4", b"3,three,3"),
                ("value_unfit", "rows.csv:7", b"99999999999,big"), ("value_unfit", "rows.csv:8", b"x,word")]
    aside = quarantine(home, "lake.ods.rows")
    scene.check("bad rows are set aside with cause, place and bytes", aside == expected, aside)
    scene.check("the run counts both", (ran.step("take")["rows"], ran.step("take")["rejected"]) == (3, 4), ran.record)
    messages = [text for (text,) in home.rows("SELECT message FROM lake.ods.rows__quarantine WHERE cause = 'value_unfit'")]
    scene.check("a value that does not fit names its column", all("id" in text and "int32" in text.lower() for text in messages), messages)
    ran = home.start("rows")
    scene.check("a second run leaves the quarantine as it was", quarantine(home, "lake.ods.rows") == expected, ran)

    (folder / "open.csv").write_bytes(b'id,name\n1,one\n2,"never closed\n3,three\n')
    pipeline(home, "open", "open.csv")
    ran = home.start("open")
    aside = quarantine(home, "lake.ods.open")
    kept = home.rows("SELECT id FROM lake.ods.open ORDER BY id")
    scene.check("a quote that is never closed", aside and aside[0][0] == "quote_open" and kept[0] == [1], f"{aside} {kept} {ran}")


def json_lines(scene, home, folder):
    deep = "[" * 200_000
    (folder / "rows.jsonl").write_text('{"id": 1, "name": "one"}\nnot json\n{"id": "x"}\n' + f'{{"id": {deep}\n' + '{"id": 5, "name": "five"}\n')
    pipeline(home, "lines", "rows.jsonl")
    ran = home.start("lines")
    kept = home.rows("SELECT id FROM lake.ods.lines ORDER BY id")
    scene.check("good lines beside bad JSON are read", kept == [[1], [5]], f"{ran} {kept}")
    causes = [row[:2] for row in quarantine(home, "lake.ods.lines")]
    expected = [("json_invalid", "rows.jsonl:2"), ("value_unfit", "rows.jsonl:3"), ("json_invalid", "rows.jsonl:4")]
    scene.check("bad and bottomless JSON is set aside", causes == expected, causes)


def long_line(scene, home, folder):
    with open(folder / "long.csv", "wb") as file:
        file.write(b"id,name\n1,one\n2,")
        for _ in range(LONG_LINE // 1_000_000):
            file.write(b"x" * 1_000_000)
        file.write(b"\n3,three\n")
    pipeline(home, "long", "long.csv")
    code, memory, said = measured("run", "long", "--progress", "none", home=home)
    scene.check("a line of 100 MB is no end", code == 0, said)
    scene.check("a line of 100 MB is read in bounded memory", memory < MEMORY_MAX, memory)
    found = home.rows("SELECT id FROM lake.ods.long ORDER BY id")
    scene.check("the rows around the long line are read", found == [[1], [3]], found)
    found = home.rows("SELECT cause, position, length(encode(raw, 'hex')) / 2 FROM lake.ods.long__quarantine")
    holds = len(found) == 1 and found[0][:2] == ["record_too_long", "long.csv:3"] and 0 < found[0][2] < 1_000_000
    scene.check("the long line is set aside once, with its first bytes", holds, found)
    (folder / "long.csv").unlink()


def bomb(scene, home, folder):
    """A file that unpacks to a thousand times its size."""
    line = b"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 15_000
    with zipfile.ZipFile(folder / "bomb.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.csv", "w") as member:
        member.write(b"id,name\n")
        for _ in range(BOMB // len(line)):
            member.write(line)
    with gzip.open(folder / "bomb.csv.gz", "wb") as packed:
        packed.write(b"id,name\n2,")
        for _ in range(BOMB // 1_000_000):
            packed.write(bytes(1_000_000))
    for name in ("zip", "gz"):
        pipeline(home, f"bomb-{name}", f"bomb.csv.{name}")
        refused_well(scene, f"a bomb in {name}", home, f"bomb-{name}", "file_expands", f"bomb.csv.{name}", "200")
        code, memory, said = measured("run", f"bomb-{name}", "--progress", "none", home=home)
        scene.check(f"a bomb in {name} is met in bounded memory", code == 1 and memory < MEMORY_MAX, f"{memory} {said}")
        nothing_in(scene, home, f"lake.ods.bomb_{name}")


if __name__ == "__main__":
    main()
