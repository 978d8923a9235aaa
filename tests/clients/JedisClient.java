// Jedis: what people do with it. Usage: java JedisClient PORT
import java.util.AbstractMap.SimpleEntry;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamEntry;

public class JedisClient {
  static int port;

  interface Case {
    void run(Jedis client) throws Exception;
  }

  static Jedis connect() {
    return new Jedis("127.0.0.1", port, 30000);
  }

  static void equal(Object got, Object want) {
    if (!String.valueOf(got).equals(String.valueOf(want))) {
      throw new AssertionError("got " + got + ", want " + want);
    }
  }

  static void untilOneWaits(Jedis client) throws Exception {
    for (int i = 0; i < 4000; ++i) {
      if (client.info("clients").contains("blocked_clients:1\r")) return;
      Thread.sleep(5);
    }
    throw new AssertionError("nobody waits");
  }

  static void pipeline(Jedis client) {
    Pipeline pipe = client.pipelined();
    Response<Long> last = null;
    for (int i = 0; i < 1000; ++i) last = pipe.incr("counter");
    pipe.sync();
    equal(last.get(), 1000);
  }

  static void transaction(Jedis client) {
    client.watch("a");
    Transaction first = client.multi();
    first.set("a", "1");
    first.incrBy("a", 4);
    equal(first.exec(), "[OK, 5]");
    client.watch("a");
    try (Jedis other = connect()) {
      other.set("a", "9");
    }
    Transaction second = client.multi();
    second.get("a");
    equal(second.exec(), null);
  }

  static class Listener extends JedisPubSub {
    final LinkedBlockingQueue<String> got = new LinkedBlockingQueue<>();

    @Override
    public void onSubscribe(String channel, int count) {
      got.add("subscribed");
    }

    @Override
    public void onMessage(String channel, String message) {
      got.add(message);
    }

    String next() throws Exception {
      return got.poll(20, TimeUnit.SECONDS);
    }
  }

  static void pubsub(Jedis client) throws Exception {
    Listener listener = new Listener();
    Jedis connection = connect();
    Thread thread = new Thread(() -> connection.subscribe(listener, "news"));
    thread.start();
    equal(listener.next(), "subscribed");
    equal(client.publish("news", "hello"), 1);
    equal(listener.next(), "hello");
    listener.unsubscribe();
    thread.join();
    connection.close();
  }

  static void blocking(Jedis client) throws Exception {
    CompletableFuture<List<String>> popped = CompletableFuture.supplyAsync(() -> {
      try (Jedis waiting = connect()) {
        return waiting.blpop(20, "q1", "q2");
      }
    });
    untilOneWaits(client);
    client.rpush("q2", "job");
    equal(popped.get(), "[q2, job]");
  }

  static void scripts(Jedis client) {
    String script = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    equal(client.eval(script, List.of("sum"), List.of("5")), 5);
    equal(client.evalsha(client.scriptLoad(script), List.of("sum"), List.of("5")), 10);
    try {
      client.evalsha("f".repeat(40));
      throw new AssertionError("no error");
    } catch (JedisNoScriptException expected) {
      // as it should be
    }
    client.functionLoadReplace("#!lua name=mine\nredis.register_function('twice', "
        + "function(keys, args) return args[1] * 2 end)");
    equal(client.fcall("twice", List.of(), List.of("21")), 42);
  }

  static List<Map.Entry<String, List<StreamEntry>>> read(Jedis client, String who, int block) {
    XReadGroupParams params = XReadGroupParams.xReadGroupParams().count(10);
    if (block > 0) params.block(block);
    return client.xreadGroup("group", who, params,
        Map.of("stream", StreamEntryID.UNRECEIVED_ENTRY));
  }

  static void streams(Jedis client) throws Exception {
    StreamEntryID first = client.xadd("stream", StreamEntryID.NEW_ENTRY, Map.of("n", "1"));
    client.xgroupCreate("stream", "group", new StreamEntryID("0-0"), false);
    equal(read(client, "me", 0).get(0).getValue().get(0).getFields(), "{n=1}");
    equal(client.xack("stream", "group", first), 1);
    CompletableFuture<String> next = CompletableFuture.supplyAsync(() -> {
      try (Jedis waiting = connect()) {
        return read(waiting, "other", 20000).get(0).getValue().get(0).getFields().get("n");
      }
    });
    untilOneWaits(client);
    client.xadd("stream", StreamEntryID.NEW_ENTRY, Map.of("n", "2"));
    equal(next.get(), "2");
    equal(client.xpending("stream", "group").getTotal(), 1);
  }

  static void tracking(Jedis client) throws Exception {
    // The keys of an invalidation are a list, which JedisPubSub does not take: BCAST and the raw
    // connection do.
    try (Jedis listener = connect(); Jedis cached = connect()) {
      long target = listener.clientId();
      listener.sendCommand(Protocol.Command.SUBSCRIBE, "__redis__:invalidate");
      cached.sendCommand(Protocol.Command.CLIENT, "TRACKING", "ON", "REDIRECT",
          String.valueOf(target));
      cached.get("key");
      client.set("key", "new");
      List<?> message = (List<?>) listener.getConnection().getOne();
      equal(new String((byte[]) ((List<?>) message.get(2)).get(0)), "key");
    }
  }

  static boolean attempt(String name, Case one) {
    try (Jedis client = connect()) {
      client.flushAll();
      one.run(client);
      System.out.println("ok " + name);
      return true;
    } catch (Throwable problem) {
      System.out.println("FAILED " + name + ": " + problem);
      return false;
    }
  }

  public static void main(String[] arguments) {
    port = Integer.parseInt(arguments[0]);
    boolean good = true;
    for (Map.Entry<String, Case> each : List.<Map.Entry<String, Case>>of(
        new SimpleEntry<>("pipeline", JedisClient::pipeline),
        new SimpleEntry<>("transaction", JedisClient::transaction),
        new SimpleEntry<>("pubsub", JedisClient::pubsub),
        new SimpleEntry<>("blocking", JedisClient::blocking),
        new SimpleEntry<>("scripts", JedisClient::scripts),
        new SimpleEntry<>("streams", JedisClient::streams),
        new SimpleEntry<>("tracking", JedisClient::tracking))) {
      good &= attempt(each.getKey(), each.getValue());
    }
    System.exit(good ? 0 : 1);
  }
}
