/* hiredis: what people do with it. Usage: hiredis_client PORT */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int port;
static char problem[512];

static redisContext *open_connection(void) {
  struct timeval limit = {20, 0};
  redisContext *c = redisConnectWithTimeout("127.0.0.1", port, limit);
  if (c == NULL || c->err) {
    fprintf(stderr, "cannot connect\n");
    exit(2);
  }
  redisSetTimeout(c, limit);
  return c;
}

/* The reply as text: "[a,b]" for arrays, "(nil)", numbers in decimal, "!text" for errors. */
static void flatten(const redisReply *reply, char *out, size_t room) {
  size_t i, used;
  if (reply == NULL) {
    snprintf(out, room, "(no reply)");
  } else if (reply->type == REDIS_REPLY_NIL) {
    snprintf(out, room, "(nil)");
  } else if (reply->type == REDIS_REPLY_INTEGER) {
    snprintf(out, room, "%lld", reply->integer);
  } else if (reply->type == REDIS_REPLY_ERROR) {
    snprintf(out, room, "!%s", reply->str);
  } else if (reply->type == REDIS_REPLY_ARRAY) {
    snprintf(out, room, "[");
    for (i = 0; i < reply->elements; ++i) {
      used = strlen(out);
      if (i > 0) snprintf(out + used, room - used, ",");
      used = strlen(out);
      flatten(reply->element[i], out + used, room - used);
    }
    used = strlen(out);
    snprintf(out + used, room - used, "]");
  } else {
    snprintf(out, room, "%s", reply->str);
  }
}

/* Whether a reply (freed here) reads as `expected`, of which a '*' stands for anything behind it. */
static int is(redisReply *reply, const char *expected) {
  char text[512];
  const char *star = strchr(expected, '*');
  int same;
  flatten(reply, text, sizeof text);
  if (reply) freeReplyObject(reply);
  same = star ? strncmp(text, expected, (size_t)(star - expected)) == 0
              : strcmp(text, expected) == 0;
  if (!same) snprintf(problem, sizeof problem, "expected %s, got %.300s", expected, text);
  return same;
}

static redisReply *next(redisContext *c) {
  void *reply = NULL;
  if (redisGetReply(c, &reply) != REDIS_OK) return NULL;
  return reply;
}

#define ASK(c, expected, ...) \
  if (!is(redisCommand(c, __VA_ARGS__), expected)) return 0
#define EXPECT(c, expected) \
  if (!is(next(c), expected)) return 0

static int wait_for_blocked(redisContext *c) {
  int tries;
  for (tries = 0; tries < 4000; ++tries) {
    redisReply *info = redisCommand(c, "INFO clients");
    int found = info && info->str && strstr(info->str, "blocked_clients:1\r\n") != NULL;
    if (info) freeReplyObject(info);
    if (found) return 1;
    usleep(5000);
  }
  snprintf(problem, sizeof problem, "nobody waits");
  return 0;
}

static int pipelined(redisContext *c) {
  int i;
  char expected[32];
  for (i = 0; i < 1000; ++i) redisAppendCommand(c, "INCR %s", "counter");
  for (i = 1; i <= 1000; ++i) {
    snprintf(expected, sizeof expected, "%d", i);
    EXPECT(c, expected);
  }
  ASK(c, "OK", "SET %b %b", "bin\0ary", (size_t)7, "\r\n\0", (size_t)3);
  ASK(c, "3", "STRLEN %b", "bin\0ary", (size_t)7);
  return 1;
}

static int transaction(redisContext *c) {
  ASK(c, "OK", "MULTI");
  ASK(c, "QUEUED", "INCRBY a 5");
  ASK(c, "QUEUED", "LPUSH l x y");
  ASK(c, "[5,2]", "EXEC");
  return 1;
}

static int pubsub(redisContext *c) {
  redisContext *s = open_connection();
  ASK(s, "[subscribe,news,1]", "SUBSCRIBE news");
  ASK(c, "1", "PUBLISH news hello");
  EXPECT(s, "[message,news,hello]");
  redisFree(s);
  return 1;
}

static void *pop(void *result) {
  redisContext *c = open_connection();
  *(redisReply **)result = redisCommand(c, "BLPOP q1 q2 20");
  redisFree(c);
  return NULL;
}

static int blocking(redisContext *c) {
  pthread_t thread;
  redisReply *popped = NULL;
  pthread_create(&thread, NULL, pop, &popped);
  if (!wait_for_blocked(c)) return 0;
  ASK(c, "1", "RPUSH q2 job");
  pthread_join(thread, NULL);
  return is(popped, "[q2,job]");
}

static int scripts(redisContext *c) {
  ASK(c, "7", "EVAL %s 1 k 7", "return redis.call('INCRBY', KEYS[1], ARGV[1])");
  ASK(c, "!NOSCRIPT*", "EVALSHA %s 0", "ffffffffffffffffffffffffffffffffffffffff");
  ASK(c, "[1,two,(nil)]", "EVAL %s 0", "return {1, 'two', false}");
  return 1;
}

static int streams(redisContext *c) {
  ASK(c, "1-1", "XADD s 1-1 n one");
  ASK(c, "OK", "XGROUP CREATE s g 0");
  ASK(c, "[[s,[[1-1,[n,one]]]]]", "XREADGROUP GROUP g me COUNT 5 STREAMS s >");
  ASK(c, "[1,1-1,1-1,[[me,1]]]", "XPENDING s g");
  ASK(c, "1", "XACK s g 1-1");
  return 1;
}

static int tracking(redisContext *c) {
  redisContext *listener = open_connection(), *cached = open_connection();
  redisReply *id = redisCommand(listener, "CLIENT ID");
  ASK(listener, "[subscribe,*", "SUBSCRIBE __redis__:invalidate");
  ASK(cached, "OK", "CLIENT TRACKING ON REDIRECT %lld", id->integer);
  freeReplyObject(id);
  ASK(cached, "(nil)", "GET key");
  ASK(c, "OK", "SET key new");
  EXPECT(listener, "[message,__redis__:invalidate,[key]]");
  redisFree(listener);
  redisFree(cached);
  return 1;
}

int main(int count, char **arguments) {
  static const struct {
    const char *name;
    int (*run)(redisContext *);
  } cases[] = {{"pipeline", pipelined}, {"transaction", transaction}, {"pubsub", pubsub},
               {"blocking", blocking},  {"scripts", scripts},         {"streams", streams},
               {"tracking", tracking}};
  size_t i;
  int failed = 0;
  if (count != 2) return 2;
  port = atoi(arguments[1]);
  printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    redisContext *c = open_connection();
    freeReplyObject(redisCommand(c, "FLUSHALL"));
    if (cases[i].run(c)) {
      printf("ok %s\n", cases[i].name);
    } else {
      failed = 1;
      printf("FAILED %s: %s\n", cases[i].name, problem);
    }
    redisFree(c);
  }
  return failed;
}
