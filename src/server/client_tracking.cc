#include "src/server/client_tracking.h"

#include "src/base/c_text.h"
#include "src/base/log.h"
#include "src/server/client.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

Client& self(Context& ctx) {
  Client* client = client_of(ctx);
  ASSERT(client);
  return *client;
}

struct TrackingOptions {
  TrackingState state;
  std::vector<ByteView> prefixes;
};

Status read_redirection(Args& args, const Client& client, TrackingState& state) {
  if (state.redirection != 0) {
    return Error("ERR A client can only redirect to a single other client");
  }
  const std::int64_t id = args.integer();
  if (args.failed()) return args.status();
  Server& server = const_cast<Client&>(client).worker().server();
  const auto target = server.clients().find(static_cast<std::uint64_t>(id));
  if (!target || target->killed.load()) {
    return Error("ERR The client ID you want redirect to does not exist");
  }
  state.redirection = target->id;
  return ok;
}

Status read_options(Args& args, const Client& client, TrackingOptions& options) {
  TrackingState& state = options.state;
  while (args.more()) {
    if (args.take("REDIRECT", 1)) {
      if (Status read = read_redirection(args, client, state); !read) return read;
    } else if (args.take("BCAST")) {
      state.broadcast = true;
    } else if (args.take("OPTIN")) {
      state.opt_in = true;
    } else if (args.take("OPTOUT")) {
      state.opt_out = true;
    } else if (args.take("NOLOOP")) {
      state.no_loop = true;
    } else if (args.take("PREFIX", 1)) {
      options.prefixes.push_back(args.next());
    } else {
      return Error(kSyntaxError);
    }
  }
  return ok;
}

// Whether the options go together, and with those that are on.
Status check_options(const TrackingOptions& options, const TrackingState* now) {
  const TrackingState& state = options.state;
  if (!state.broadcast && !options.prefixes.empty()) {
    return Error("ERR PREFIX option requires BCAST mode to be enabled");
  }
  if (now && now->broadcast != state.broadcast) {
    return Error(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
        "then re-enabling it with a different mode.");
  }
  if (state.broadcast && (state.opt_in || state.opt_out)) {
    return Error("ERR OPTIN and OPTOUT are not compatible with BCAST");
  }
  if (state.opt_in && state.opt_out) {
    return Error("ERR You can't specify both OPTIN mode and OPTOUT mode");
  }
  if (now && ((state.opt_in && now->opt_out) || (state.opt_out && now->opt_in))) {
    return Error(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
        "then re-enabling it with a different mode.");
  }
  return ok;
}

bool overlap(ByteView a, ByteView b) { return a.starts_with(b) || b.starts_with(a); }

// A client must not hear of one key twice.
Status check_prefixes(std::span<const ByteView> prefixes, const TrackingState* now) {
  const auto collide = [](ByteView prefix, const char* with, ByteView other) {
    return Error(fmt::format(
        "ERR Prefix '{}' overlaps with {} prefix '{}'. Prefixes for a single client must not "
        "overlap.",
        c_text(prefix), with, c_text(other)));
  };
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    if (now) {
      for (const Bytes& known : now->prefixes) {
        if (overlap(prefixes[i], known)) return collide(prefixes[i], "an existing", known);
      }
    }
    for (std::size_t j = i + 1; j < prefixes.size(); ++j) {
      if (!overlap(prefixes[i], prefixes[j])) continue;
      return collide(prefixes[i], "another provided", prefixes[j]);
    }
  }
  return ok;
}

}  // namespace

Status client_tracking(Context& ctx, Args args, ReplyWriter& reply) {
  Client& client = self(ctx);
  const ByteView what = args.next();
  TrackingOptions options;
  if (Status read = read_options(args, client, options); !read) return read;
  Invalidator& invalidator = client.worker().invalidator();
  if (equals_ignoring_case(what, "on")) {
    if (Status fit = check_options(options, client.tracking()); !fit) return fit;
    if (Status fit = check_prefixes(options.prefixes, client.tracking()); !fit) return fit;
    options.state.prefixes.insert(options.prefixes.begin(), options.prefixes.end());
    invalidator.turn_on(client, std::move(options.state));
  } else if (equals_ignoring_case(what, "off")) {
    invalidator.turn_off(client);
  } else {
    return Error(kSyntaxError);
  }
  reply.ok();
  return ok;
}

Status client_caching(Context& ctx, Args args, ReplyWriter& reply) {
  Client& client = self(ctx);
  const TrackingState* state = client.tracking();
  if (!state) {
    return Error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
  }
  if (args.take("YES")) {
    if (!state->opt_in) {
      return Error(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (args.take("NO")) {
    if (!state->opt_out) {
      return Error(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return Error(kSyntaxError);
  }
  client.set_caching(ctx.row().parent);
  reply.ok();
  return ok;
}

Status client_getredir(Context& ctx, Args, ReplyWriter& reply) {
  const TrackingState* state = self(ctx).tracking();
  reply.integer(state ? static_cast<std::int64_t>(state->redirection) : -1);
  return ok;
}

Status client_trackinginfo(Context& ctx, Args, ReplyWriter& reply) {
  const TrackingState* state = self(ctx).tracking();
  const TrackingState off;
  const TrackingState& shown = state ? *state : off;
  reply.map(3);
  reply.bulk("flags");
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t flags = 0;
  const auto flag = [&](bool set, const char* name) {
    if (!set) return;
    reply.bulk(name);
    ++flags;
  };
  flag(true, state ? "on" : "off");
  flag(shown.broadcast, "bcast");
  flag(shown.opt_in, "optin");
  flag(shown.opt_in && shown.caching, "caching-yes");
  flag(shown.opt_out, "optout");
  flag(shown.opt_out && shown.caching, "caching-no");
  flag(shown.no_loop, "noloop");
  flag(shown.broken_redirection, "broken_redirect");
  reply.end_set(mark, flags);
  reply.bulk("redirect");
  reply.integer(state ? static_cast<std::int64_t>(state->redirection) : -1);
  reply.bulk("prefixes");
  reply.array(shown.prefixes.size());
  for (const Bytes& prefix : shown.prefixes) reply.bulk(prefix);
  return ok;
}

}  // namespace memoir
