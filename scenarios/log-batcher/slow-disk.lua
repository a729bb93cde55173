-- The disk slows to 64 KB/s while chatty services keep logging.
--
-- before: an unbounded channel ahead of SQLite; document and after: the bounded channel with
-- its drop counter. The channel's capacity is scaled down so that twenty seconds push far past
-- it: a bounded queue that is not yet full looks exactly like an unbounded one.
return scenario {
  title  = "Log batcher on a slow disk",
  params = {
    build    = choice { "before", "document", "after" },
    channel  = choice { "", "unbounded", "bounded" },   -- a single fix, over the build's own
    capacity = 20000,
    rate     = 4000,
    disk     = "64KB/s",
  },

  target = program {
    "${bin}/log-batcher", "--socket", "${run}/rpc.sock", "--db", "${data}/logs.db",
    "--capacity", "${capacity}",
    fixes { before = { "--channel", "unbounded" },
            document = { "--channel", "bounded" }, after = { "--channel", "bounded" } },
    ready  = http { unix = "${run}/rpc.sock", path = "/health" },
    gauges = { http { unix = "${run}/rpc.sock", path = "/stats" } },
  },

  load = http_load {
    unix = "${run}/rpc.sock", method = "POST", path = "/rpc",
    rate = "${rate}/s", connections = 32, -- all in use before the disk slows
    body = json { method = "logs.insert", params = text(142) },
  },

  phases = {
    phase { "warm-up", "5s" },
    phase { "slow disk", "20s", faults = { slow_disk { path = "${data}", rate = "${disk}" } } },
    phase { "drain",  "10s" },
    phase { "settle", "5s", load = off },
  },

  delivered = sqlite_rows { "${data}/logs.db", "select count(*) from logs" },
  dropped   = gauge { "dropped_total" },
  declared  = { heap = "8MB" },

  budget = { heap = bounded, heap_peak = "64MB", fds = bounded, unaccounted = 0 },
}
