-- A log storm: a service that retries without waiting writes forty times its usual lines, on a
-- machine whose disk is busy. Usual days fit into what is left of it, the storm does not.
--
-- before: what the disk cannot take piles up in the channel. document and after: the channel is
-- full after a moment; lines beyond are dropped, counted, and the caller is told.
return scenario {
  title  = "Log storm over a busy disk",
  params = {
    build    = choice { "before", "document", "after" },
    channel  = choice { "", "unbounded", "bounded" },   -- a single fix, over the build's own
    capacity = 20000,
    rate     = 200,       -- lines a second on other days, of 142 bytes
    storm    = 40,        -- times as many
    disk     = "32KB/s",
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
    rate = "${rate}/s", body = json { method = "logs.insert", params = text(142) },
  },

  phases = {
    phase { "usual", "5s" },
    phase { "storm", "20s", load = "${storm}",
            faults = { slow_disk { path = "${data}", rate = "${disk}" } } },
    phase { "after the storm", "10s" },
    phase { "settle", "5s", load = off },
  },

  delivered = sqlite_rows { "${data}/logs.db", "select count(*) from logs" },
  dropped   = gauge { "dropped_total" },
  declared  = { heap = "8MB" },

  budget = { heap = bounded, heap_peak = "64MB", fds = bounded, unaccounted = 0 },
}
