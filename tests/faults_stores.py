"""An object store as source, as target and as the lake itself: what is right when all goes well, and what is said and kept when
keys are wrong, writers race, and the store dies midway."""

import concurrent.futures
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
import pyarrow as pa
import pyarrow.parquet as parquet
from bucket import Bucket, RemoteHome
from proxy import Proxy
from scene import Scene
from trouble import Home, collect, connection, nothing_in, refused_well

ROWS = 400_000
# Bytes of a source after which the proxy cuts every connection.
CUT_AFTER = 200_000


def main():
    with Scene("faults_stores") as scene:
        bucket = Bucket()
        source(scene, bucket)
        home = lake(scene, bucket)
        race(scene, bucket, home)
        wrong_keys(scene, bucket)
        borrowed_keys(scene, bucket, home)
        source_dies(scene, bucket, home)
        lake_dies(scene, bucket)


def lines(first, count):
    return "id,word\n" + "".join(f"{i},word number {i}\n" for i in range(first, first + count))


def source(scene, bucket):
    """Files are collected from a bucket and published to it; a second run reads only what is new."""
    home = Home(scene, "local", **bucket.keys())
    bucket.write("in/day=1/a.csv", lines(0, 10).encode())
    bucket.write("in/day=2/b.csv", lines(10, 10).encode())
    steps = [{"name": "take", "collect": {"from": "drop", "files": "in/day=*/*.csv", "into": "lake.ods.words", "mode": "append"}},
             {"name": "give", "publish": {"table": "lake.ods.words", "to": "drop", "file": "out/words.parquet", "format": "parquet"}}]
    home.apply(connection("drop", files={"location": bucket.url, "store": bucket.store()})
               + f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: words\nspec: {json.dumps({'steps': steps})}\n")
    ran = home.start("words")
    scene.check("files of a bucket are collected", ran.state == "succeeded" and home.table("lake.ods.words").num_rows == 20, ran)
    published = parquet.read_table(pa.BufferReader(bucket.read("out/words.parquet")))
    scene.check("and a table is published to it", sorted(published["id"].to_pylist()) == list(range(20)), published)
    bucket.write("in/day=3/c.csv", lines(20, 5).encode())
    ran = home.start("words")
    scene.check("a second run reads the new file alone", ran.state == "succeeded" and ran.step("take")["rows"] == 5, ran)


def lake(scene, bucket):
    """A platform whose lake is in a bucket."""
    home = RemoteHome(scene, bucket)
    folder = scene.folder / "in"
    folder.mkdir()
    (folder / "one.csv").write_text(lines(0, ROWS))
    summed = {"name": "sum", "sql": {"into": "lake.dws.sums", "mode": "replace", "query": "SELECT id % 10 AS digit, count(*) AS rows FROM lake.ods.words GROUP BY 1"}}
    taken = {"name": "take", "collect": {"from": "in", "files": "one.csv", "into": "lake.ods.words", "mode": "append"}}
    home.apply(connection("in", files={"location": str(folder)})
               + f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: words\nspec: {json.dumps({'steps': [taken, summed]})}\n")
    ran = home.start("words")
    scene.check("a pipeline runs on a lake in a bucket", ran.state == "succeeded", ran)
    found = home.table("lake.ods.words")
    scene.check("another Delta reader sees its rows", found is not None and sorted(found["id"].to_pylist()) == list(range(ROWS)), found and found.num_rows)
    sums = home.table("lake.dws.sums")
    scene.check("and what was made of them", sums is not None and sorted(map(tuple, (row.values() for row in sums.to_pylist()))) == [(digit, ROWS // 10) for digit in range(10)], sums)
    found = home.rows("SELECT count(*), sum(id) FROM lake.ods.words")
    scene.check("the platform answers the same", found == [[ROWS, ROWS * (ROWS - 1) // 2]], found)
    ran = home.start("words")
    scene.check("a second run adds nothing", ran.state == "succeeded" and home.rows("SELECT count(*) FROM lake.ods.words") == [[ROWS]], ran)
    scene.check("the home holds no lake", not (home.path / "lake").exists() or not list((home.path / "lake").rglob("*.parquet")))
    return home


def race(scene, bucket, home):
    """Writers of one table at the same time: a commit is a create that only one of them wins, and the others commit after it."""
    writers = 4
    for writer in range(writers):
        (scene.folder / "in" / f"race{writer}.csv").write_text(lines(writer * 1000, 1000))
        home.apply(collect(f"race-{writer}", "in", into="lake.ods.race", mode="append", files=f"race{writer}.csv"))
    with concurrent.futures.ThreadPoolExecutor(writers) as threads:
        ran = list(threads.map(lambda writer: home.start(f"race-{writer}"), range(writers)))
    for one in ran:
        scene.check("a writer among others succeeds", one.state == "succeeded", one)
    found = home.table("lake.ods.race")
    scene.check("and nothing of any writer is lost or doubled", found is not None and sorted(found["id"].to_pylist()) == list(range(writers * 1000)), found and found.num_rows)
    log = [name.rsplit("/", 1)[1] for name in bucket.names("lake/ods/race/_delta_log") if name.endswith(".json")]
    scene.check("every version has one commit", log == [f"{version:020}.json" for version in range(len(log))], log)


def wrong_keys(scene, bucket):
    home = Home(scene, "refused", **bucket.keys(secret="not-a-real-secret"))
    home.apply(connection("drop", files={"location": bucket.url, "store": bucket.store()}) + collect("take", "drop", files="in/*/*.csv"))
    ran = refused_well(scene, "a wrong key of a source", home, "take", "store_key_refused", bucket.url, blame="user")
    scene.check("no message has the secret", "not-a-real-secret" not in str(ran))
    home.apply(connection("gone", files={"location": "s3://no-such-bucket-here", "store": bucket.store()}) + collect("take-gone", "gone", files="*.csv"))
    home.env.update(bucket.keys())
    refused_well(scene, "a bucket that is missing", home, "take-gone", "store_location_missing", "no-such-bucket-here")

    try:
        refused = RemoteHome(scene, bucket, "locked", secret="not-a-real-secret")
    except RuntimeError as error:
        return scene.check("a lake behind a wrong key is refused at once", "store_key_refused" in str(error) or "access key" in str(error), error)
    refused.apply(connection("in", files={"location": str(scene.folder / "in")}) + collect("take", "in", files="one.csv"))
    ran = refused_well(scene, "a wrong key of the lake", refused, "take", "store_key_refused", "lake.ods.take", blame="user")
    scene.check("no message has the secret of the lake", "not-a-real-secret" not in str(ran))


def borrowed_keys(scene, bucket, home):
    """The keys of the lake's own store are not to be had by declaring a connection, which could send them anywhere."""
    home.apply(connection("borrowed", files={"location": bucket.url, "store": bucket.store(of="LAKE")}) + collect("borrow", "borrowed", files="in/*/*.csv"))
    refused_well(scene, "a connection with the lake's own keys", home, "borrow", "secret_unresolved", "env:LAKE_ID", blame="user")


def source_dies(scene, bucket, home):
    bucket.write("large/one.csv", lines(0, ROWS).encode())
    with Proxy(bucket.host, bucket.port) as proxy:
        home.apply(connection("far", files={"location": f"{bucket.url}/large", "store": bucket.store(f"http://127.0.0.1:{proxy.port}")})
                   + collect("far", "far", files="*.csv"))
        proxy.cut_after(CUT_AFTER)
        ran = refused_well(scene, "a store that dies midway", home, "far", ("store_unreachable", "store_failed"), f"{bucket.url}/large")
        nothing_in(scene, home, "lake.ods.far")
        proxy.cut_after(None)
        ran = home.resume(ran)
        found = home.table("lake.ods.far")
        whole = found is not None and sorted(found["id"].to_pylist()) == list(range(ROWS))
        scene.check("once it is back a resume reads all of it", ran.state == "succeeded" and whole, f"{ran} {found and found.num_rows}")
    refused_well(scene, "a store that is down", home, "far", "store_unreachable", f"{bucket.url}/large")
    found = home.table("lake.ods.far")
    scene.check("what was collected before stays", found.num_rows == ROWS, found.num_rows)


def lake_dies(scene, bucket):
    """The lake's own store goes away while a run writes to it."""
    other = Bucket()
    with Proxy(other.host, other.port) as proxy:
        home = RemoteHome(scene, other, "dying", endpoint=f"http://127.0.0.1:{proxy.port}")
        home.apply(connection("in", files={"location": str(scene.folder / "in")}) + collect("take", "in", files="one.csv", mode="append"))
        # What comes back is little while all goes out: the answers to the first requests.
        proxy.cut_after(400)
        ran = refused_well(scene, "a lake that dies midway", home, "take", ("store_unreachable", "store_failed"), "lake.ods.take")
        nothing_in(scene, home, "lake.ods.take")
        proxy.cut_after(None)
        ran = home.resume(ran)
        found = home.table("lake.ods.take")
        whole = found is not None and sorted(found["id"].to_pylist()) == list(range(ROWS))
        scene.check("once it is back a resume writes all of it once", ran.state == "succeeded" and whole, f"{ran} {found and found.num_rows}")


if __name__ == "__main__":
    main()
