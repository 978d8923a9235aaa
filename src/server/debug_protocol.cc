#include "src/server/debug_protocol.h"

namespace memoir {

namespace {

void write_attribute(ReplyWriter& reply) {
  if (reply.version() == Resp::kV3) {
    reply.raw("|1\r\n");
    reply.bulk("key-popularity");
    reply.array(2);
    reply.bulk("key:123");
    reply.integer(90);
  }
  // An attribute is no reply: one has to follow.
  reply.bulk("Some real reply following the attribute");
}

void write_push(ReplyWriter& reply) {
  reply.push(2);
  reply.bulk("server-cpu-usage");
  reply.integer(42);
  reply.bulk("Some real reply following the push reply");
}

void write_numbers(ReplyWriter& reply) {
  for (int i = 0; i < 3; ++i) reply.integer(i);
}

}  // namespace

Status debug_protocol(Context&, Args args, ReplyWriter& reply) {
  if (args.take("string")) {
    reply.bulk("Hello World");
  } else if (args.take("integer")) {
    reply.integer(12345);
  } else if (args.take("double")) {
    reply.double_value(3.141);
  } else if (args.take("bignum")) {
    reply.big_number("1234567999999999999999999999999999999");
  } else if (args.take("null")) {
    reply.null();
  } else if (args.take("array")) {
    reply.array(3);
    write_numbers(reply);
  } else if (args.take("set")) {
    reply.set(3);
    write_numbers(reply);
  } else if (args.take("map")) {
    reply.map(3);
    for (int i = 0; i < 3; ++i) {
      reply.integer(i);
      reply.boolean(i == 1);
    }
  } else if (args.take("attrib")) {
    write_attribute(reply);
  } else if (args.take("push")) {
    if (reply.version() == Resp::kV2) return Error("ERR RESP2 is not supported by this command");
    write_push(reply);
  } else if (args.take("verbatim")) {
    reply.verbatim("This is a verbatim\nstring", "txt");
  } else if (args.take("true")) {
    reply.boolean(true);
  } else if (args.take("false")) {
    reply.boolean(false);
  } else {
    return Error(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
  }
  return ok;
}

}  // namespace memoir
