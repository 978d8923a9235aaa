//! redis-rs: what people do with it. Usage: client PORT
use redis::streams::{StreamId, StreamPendingReply, StreamReadOptions, StreamReadReply};
use redis::{Commands, Connection, RedisResult, Script, Value};
use std::time::{Duration, Instant};

type Outcome = Result<(), String>;

fn port() -> String {
    std::env::args().nth(1).expect("a port")
}

fn connect() -> Connection {
    let url = format!("redis://127.0.0.1:{}/", port());
    let connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    connection
}

fn equal<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(got: A, want: B) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("got {got:?}, want {want:?}")) }
}

fn text<T>(result: RedisResult<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn until_one_waits(client: &mut Connection) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let info: String = text(redis::cmd("INFO").arg("clients").query(client))?;
        if info.contains("blocked_clients:1\r") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("nobody waits".into())
}

fn pipeline(client: &mut Connection) -> Outcome {
    let mut pipe = redis::pipe();
    for _ in 0..1000 {
        pipe.incr("counter", 1);
    }
    let replies: Vec<i64> = text(pipe.query(client))?;
    equal(replies.last().copied(), Some(1000))
}

fn transaction(client: &mut Connection) -> Outcome {
    let sums: (i64,) = text(redis::transaction(client, &["balance"], |client, pipe| {
        let left: Option<i64> = client.get("balance")?;
        pipe.set("balance", left.unwrap_or(10) - 3).ignore().incr("balance", 0).query(client)
    }))?;
    equal(sums.0, 7)
}

fn pubsub(client: &mut Connection) -> Outcome {
    let mut connection = connect();
    let mut listener = connection.as_pubsub();
    text(listener.subscribe("news"))?;
    text(listener.psubscribe("n*"))?;
    let receivers: i64 = text(client.publish("news", "hello"))?;
    equal(receivers, 2)?;
    for _ in 0..2 {
        let payload: String = text(text(listener.get_message())?.get_payload())?;
        equal(payload, "hello")?;
    }
    Ok(())
}

fn blocking(client: &mut Connection) -> Outcome {
    let waiting = std::thread::spawn(|| -> RedisResult<(String, String)> {
        connect().blpop(&["q1", "q2"], 20.0)
    });
    until_one_waits(client)?;
    let _: () = text(client.rpush("q2", "job"))?;
    equal(text(waiting.join().unwrap())?, ("q2".to_string(), "job".to_string()))
}

fn scripts(client: &mut Connection) -> Outcome {
    let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for want in [5, 10] {
        let sum: i64 = text(add.key("sum").arg(5).invoke(client))?;
        equal(sum, want)?;
    }
    Ok(())
}

fn read(client: &mut Connection, who: &str, block: usize) -> Result<StreamId, String> {
    let mut options = StreamReadOptions::default().group("group", who);
    if block > 0 {
        options = options.block(block);
    }
    let reply: StreamReadReply = text(client.xread_options(&["stream"], &[">"], &options))?;
    Ok(reply.keys[0].ids[0].clone())
}

fn streams(client: &mut Connection) -> Outcome {
    let first: String = text(client.xadd("stream", "*", &[("n", "1")]))?;
    let _: () = text(client.xgroup_create("stream", "group", "0"))?;
    equal(read(client, "me", 0)?.get::<String>("n"), Some("1".to_string()))?;
    let acknowledged: i64 = text(client.xack("stream", "group", &[&first]))?;
    equal(acknowledged, 1)?;
    let waiting = std::thread::spawn(|| read(&mut connect(), "other", 20000));
    until_one_waits(client)?;
    let _: String = text(client.xadd("stream", "*", &[("n", "2")]))?;
    equal(waiting.join().unwrap()?.get::<String>("n"), Some("2".to_string()))?;
    let pending: StreamPendingReply = text(client.xpending("stream", "group"))?;
    equal(pending.count(), 1)
}

fn tracking(client: &mut Connection) -> Outcome {
    let (mut listener, mut cached) = (connect(), connect());
    let target: i64 = text(redis::cmd("CLIENT").arg("ID").query(&mut listener))?;
    let _: Value = text(redis::cmd("SUBSCRIBE").arg("__redis__:invalidate").query(&mut listener))?;
    let mut on = redis::cmd("CLIENT");
    on.arg("TRACKING").arg("ON").arg("REDIRECT").arg(target);
    let _: () = text(on.query(&mut cached))?;
    let _: Option<String> = text(cached.get("key"))?;
    let _: () = text(client.set("key", "new"))?;
    let message: (String, String, Vec<String>) =
        text(listener.recv_response().and_then(|value| redis::from_redis_value(&value)))?;
    equal(message.2, vec!["key".to_string()])
}

fn main() {
    let cases: [(&str, fn(&mut Connection) -> Outcome); 7] = [
        ("pipeline", pipeline), ("transaction", transaction), ("pubsub", pubsub),
        ("blocking", blocking), ("scripts", scripts), ("streams", streams), ("tracking", tracking),
    ];
    let mut good = true;
    for (name, run) in cases {
        let mut client = connect();
        let _: () = redis::cmd("FLUSHALL").query(&mut client).unwrap();
        match run(&mut client) {
            Ok(()) => println!("ok {name}"),
            Err(problem) => {
                good = false;
                println!("FAILED {name}: {problem}");
            }
        }
    }
    std::process::exit(if good { 0 } else { 1 });
}
