// go-redis: what people do with it. Usage: client PORT
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

func connect() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1], ReadTimeout: 30 * time.Second})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		panic(fmt.Sprintf("got %v, want %v", got, want))
	}
}

func untilOneWaits(client *redis.Client) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(client.Info(ctx, "clients").Val(), "blocked_clients:1\r") {
			return
		}
	}
	panic("nobody waits")
}

func pipeline(client *redis.Client) {
	var last *redis.IntCmd
	_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := 0; i < 1000; i++ {
			last = pipe.Incr(ctx, "counter")
		}
		return nil
	})
	must(err)
	equal(last.Val(), 1000)
}

func transaction(client *redis.Client) {
	must(client.Set(ctx, "balance", 10, 0).Err())
	must(client.Watch(ctx, func(tx *redis.Tx) error {
		left, err := tx.Get(ctx, "balance").Int()
		must(err)
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, "balance", left-3, 0).Err()
		})
		return err
	}, "balance"))
	equal(client.Get(ctx, "balance").Val(), "7")
	err := client.Watch(ctx, func(tx *redis.Tx) error {
		must(client.Incr(ctx, "balance").Err())
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, "balance", 0, 0).Err()
		})
		return err
	}, "balance")
	if !errors.Is(err, redis.TxFailedErr) {
		panic(fmt.Sprint("a watched key changed: ", err))
	}
}

func pubsub(client *redis.Client) {
	listener := client.Subscribe(ctx, "news")
	defer listener.Close()
	_, err := listener.Receive(ctx)
	must(err)
	equal(client.Publish(ctx, "news", "hello").Val(), 1)
	message, err := listener.ReceiveMessage(ctx)
	must(err)
	equal(message.Payload, "hello")
}

func blocking(client *redis.Client) {
	popped := make(chan []string)
	go func() {
		waiting := connect()
		defer waiting.Close()
		popped <- waiting.BLPop(ctx, 20*time.Second, "q1", "q2").Val()
	}()
	untilOneWaits(client)
	must(client.RPush(ctx, "q2", "job").Err())
	equal(<-popped, "[q2 job]")
}

func scripts(client *redis.Client) {
	add := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for want := 5; want <= 10; want += 5 {
		sum, err := add.Run(ctx, client, []string{"sum"}, 5).Int()
		must(err)
		equal(sum, want)
	}
	code := "#!lua name=mine\nredis.register_function('twice', function(k, a) return a[1] * 2 end)"
	must(client.FunctionLoadReplace(ctx, code).Err())
	equal(client.FCall(ctx, "twice", nil, 21).Val(), 42)
}

func streams(client *redis.Client) {
	first := client.XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"n", "1"}}).Val()
	must(client.XGroupCreate(ctx, "stream", "group", "0").Err())
	read := func(who string, block time.Duration) []redis.XStream {
		found, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: who,
			Streams: []string{"stream", ">"}, Block: block}).Result()
		must(err)
		return found
	}
	equal(read("me", -1)[0].Messages[0].Values["n"], "1")
	equal(client.XAck(ctx, "stream", "group", first).Val(), 1)
	next := make(chan []redis.XStream)
	go func() { next <- read("other", 20*time.Second) }()
	untilOneWaits(client)
	must(client.XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"n", "2"}}).Err())
	equal((<-next)[0].Messages[0].Values["n"], "2")
	equal(client.XPending(ctx, "stream", "group").Val().Count, 1)
}

func tracking(client *redis.Client) {
	listener := connect()
	defer listener.Close()
	ids := make(chan int64, 1)
	opened := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1],
		OnConnect: func(ctx context.Context, conn *redis.Conn) error {
			id, err := conn.ClientID(ctx).Result()
			select {
			case ids <- id:
			default:
			}
			return err
		}, Protocol: 2})
	defer opened.Close()
	subscription := opened.Subscribe(ctx, "__redis__:invalidate")
	defer subscription.Close()
	_, err := subscription.Receive(ctx)
	must(err)
	cached := client.Conn()
	defer cached.Close()
	on := redis.NewStatusCmd(ctx, "CLIENT", "TRACKING", "ON", "REDIRECT", <-ids)
	must(cached.Process(ctx, on))
	cached.Get(ctx, "key")
	must(listener.Set(ctx, "key", "new", 0).Err())
	message, err := subscription.ReceiveMessage(ctx)
	must(err)
	equal(message.PayloadSlice, "[key]")
}

func attempt(name string, run func(*redis.Client)) (good bool) {
	client := connect()
	defer client.Close()
	client.FlushAll(ctx)
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Printf("FAILED %s: %v\n", name, problem)
			good = false
		}
	}()
	run(client)
	fmt.Printf("ok %s\n", name)
	return true
}

func main() {
	fmt.Println("go-redis", redis.Version())
	good := true
	for _, each := range []struct {
		name string
		run  func(*redis.Client)
	}{{"pipeline", pipeline}, {"transaction", transaction}, {"pubsub", pubsub},
		{"blocking", blocking}, {"scripts", scripts}, {"streams", streams}, {"tracking", tracking}} {
		good = attempt(each.name, each.run) && good
	}
	if !good {
		os.Exit(1)
	}
}
