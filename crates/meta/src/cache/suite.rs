//! What every cache must do: one suite, run on memory always and on the Redis that `make test` starts.

use std::net::Ipv4Addr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

/// A cache, and readers of it that have nothing in their own memory: of a Redis, other processes; of memory, itself.
struct Subject {
    cache: Cache,
    place: Option<(RedisUrl, String)>,
}

impl Subject {
    async fn reader(&self) -> Cache {
        match &self.place {
            Some((url, platform)) => Cache::in_redis(url, platform).await.expect("opens"),
            None => self.cache.clone(),
        }
    }

    async fn get(&self, key: &str, fresh_for: Duration) -> Option<Found> {
        self.reader().await.get(key, fresh_for).await
    }

    async fn put(&self, key: &str, bytes: Arc<[u8]>, at: Instant, fresh_for: Duration) {
        self.cache.put(key, bytes, at, fresh_for).await;
    }
}

async fn suite(subject: &Subject) {
    let now = Instant::now;
    assert_eq!(subject.get("a", MINUTE).await, None);
    subject.put("a", bytes("1"), now(), MINUTE).await;
    let found = subject.get("a", MINUTE).await.expect("kept");
    assert_eq!(*found.bytes, *b"1");
    assert!(found.age < Duration::from_secs(5), "{:?}", found.age);
    assert_eq!(subject.get("A", MINUTE).await, None, "keys differ by case");
    subject.put("a", bytes("2"), now(), MINUTE).await;
    assert_eq!(*subject.get("a", MINUTE).await.expect("replaced").bytes, *b"2");
    let odd = "k\n\0 é:{}*";
    subject.put(odd, vec![0, 255, 10, 13].into(), now(), MINUTE).await;
    assert_eq!(*subject.get(odd, MINUTE).await.expect("any bytes").bytes, [0, 255, 10, 13]);
    subject.put("empty", bytes(""), now(), MINUTE).await;
    assert_eq!(subject.get("empty", MINUTE).await.expect("an empty value is one").bytes.len(), 0);

    let short = Duration::from_millis(300);
    subject.put("short", bytes("x"), now(), short).await;
    assert!(subject.get("short", short).await.is_some());
    tokio::time::sleep(short).await;
    assert_eq!(subject.get("short", short).await, None, "it is too old");
    let before = now().checked_sub(Duration::from_secs(2)).expect("the machine runs for longer");
    subject.put("late", bytes("x"), before, Duration::from_secs(1)).await;
    assert_eq!(subject.get("late", Duration::from_secs(1)).await, None, "it was too old when it came");
    subject.put("aged", bytes("x"), before, MINUTE).await;
    let age = subject.get("aged", MINUTE).await.expect("kept").age;
    assert!((Duration::from_millis(1_990)..Duration::from_secs(7)).contains(&age), "{age:?}");

    let bucket = Bucket { per_second: 20.0, burst: 3.0 };
    for _ in 0..3 {
        subject.reader().await.take("b", Bucket { per_second: 0.01, ..bucket }).await.expect("a burst");
    }
    let wait = subject.cache.take("b", bucket).await.expect_err("the bucket is empty");
    assert!(wait <= Duration::from_millis(50), "{wait:?}");
    subject.cache.take("other", bucket).await.expect("another bucket");
    tokio::time::sleep(wait).await;
    subject.cache.take("b", bucket).await.expect("one call has come back");
    let rare = Bucket { per_second: 0.01, burst: 8.0 };
    let mut takes = Vec::new();
    for _ in 0..20 {
        let reader = subject.reader().await;
        takes.push(tokio::spawn(async move { reader.take("rare", rare).await.is_ok() }));
    }
    let mut taken = 0;
    for take in takes {
        taken += u32::from(take.await.expect("no panic"));
    }
    assert_eq!(taken, 8, "callers at once share one bucket");
    assert_eq!(subject.cache.numbers().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    let cache = Cache::in_memory();
    Box::pin(suite(&Subject { cache: cache.clone(), place: None })).await;
    let numbers = cache.numbers();
    assert!(numbers.here >= 6 && numbers.misses >= 4 && numbers.there == 0, "{numbers:?}");
    assert_eq!(numbers.shared_up, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Redis of make test (DATAUX_TEST_REDIS_URL)"]
async fn redis() {
    let (url, platform) = (server(), base::ids::fresh());
    let cache = Cache::in_redis(&url, &platform).await.expect("opens");
    assert_eq!(cache.numbers().shared_up, Some(true));
    Box::pin(suite(&Subject { cache, place: Some((url.clone(), platform.clone())) })).await;
    let other = Cache::in_redis(&url, &platform).await.expect("opens");
    assert_eq!(*other.get("a", MINUTE).await.expect("shared").bytes, *b"2");
    assert_eq!(*other.get("a", MINUTE).await.expect("kept here as well").bytes, *b"2");
    let numbers = other.numbers();
    assert_eq!((numbers.here, numbers.there, numbers.shared_up), (1, 1, Some(true)));
    // Another platform on the same Redis finds nothing.
    let stranger = Cache::in_redis(&url, &base::ids::fresh()).await.expect("opens");
    assert_eq!(stranger.get("a", MINUTE).await, None);
    stranger.take("rare", Bucket { per_second: 0.01, burst: 8.0 }).await.expect("a bucket of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Redis of make test (DATAUX_TEST_REDIS_URL)"]
async fn a_wrong_password_is_like_no_redis() {
    let text = server().to_string();
    let url = RedisUrl::parse(&text, None, Some(&base::Secret::new("canary"))).expect("a URL");
    let cache = Cache::in_redis(&url, "p").await.expect("goes on without");
    assert_eq!(cache.numbers().shared_up, Some(false));
    alone(&cache).await;
    assert!(!format!("{cache:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_process_goes_on_alone() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = nobody.local_addr().expect("bound").port();
    drop(nobody);
    let url = RedisUrl::parse(&format!("redis://127.0.0.1:{port}"), None, None).expect("a URL");
    let cache = Cache::in_redis(&url, "p").await.expect("goes on without");
    alone(&cache).await;
}

/// Takes connections and never says a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_not_waited_for() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {} });
        }
    });
    let url = RedisUrl::parse(&format!("redis://127.0.0.1:{port}"), None, None).expect("a URL");
    let began = Instant::now();
    let cache = Cache::in_redis(&url, "p").await.expect("goes on without");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    alone(&cache).await;
}

/// The cache works from memory, and nobody waits for what is not there.
async fn alone(cache: &Cache) {
    let began = Instant::now();
    for number in 0..1000 {
        let key = format!("k{number}");
        cache.put(&key, bytes("x"), Instant::now(), MINUTE).await;
        assert!(cache.get(&key, MINUTE).await.is_some());
        assert_eq!(cache.get("nothing", MINUTE).await, None);
    }
    let bucket = Bucket { per_second: 0.01, burst: 2.0 };
    assert!(cache.take("b", bucket).await.is_ok() && cache.take("b", bucket).await.is_ok());
    assert!(cache.take("b", bucket).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(cache.numbers().shared_up, Some(false));
}

fn server() -> RedisUrl {
    let Ok(text) = std::env::var("DATAUX_TEST_REDIS_URL") else {
        panic!(
            "DATAUX_TEST_REDIS_URL is not set; `make test` starts Redis and sets it, or set it to the URL of a Redis of your own"
        );
    };
    RedisUrl::parse(&text, None, None).expect("a Redis URL")
}
