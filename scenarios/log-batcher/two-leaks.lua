-- The incident as it was: the channel grows behind a slow disk while the system monitor keeps
-- descriptors on /proc. Two leaks at once, which a report has to tell apart.
--
-- before: both. document: the channel is bounded, the descriptors go on. after: neither.
return scenario {
  title  = "Unbounded channel and kept descriptors at once",
  params = {
    build        = choice { "before", "document", "after" },
    channel      = choice { "", "unbounded", "bounded" },      -- single fixes, over the build's own
    sysmon       = choice { "", "off", "retain", "release" },
    stale_socket = choice { "", "keep", "unlink" },
    capacity     = 20000,
    rate         = 4000,
    disk         = "32KB/s",
    every        = 0.1,   -- seconds from one short-lived process to the next
  },

  services = {
    program { "sh", "-c", "while :; do sleep 1 & sleep ${every}; done" },
  },

  target = program {
    "${bin}/log-batcher", "--socket", "${run}/rpc.sock", "--db", "${data}/logs.db",
    "--capacity", "${capacity}", "--sysmon-interval-ms", "250", fixes "${build}",
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
