-- The system monitor's descriptors alone: the disk is healthy, the load is moderate, but the machine
-- starts and ends processes all the time, as a build does.
--
-- before and document: the monitor keeps /proc/PID/stat open between refreshes, and goes on keeping
-- it when the process has ended. after: it closes what it has read.
return scenario {
  title  = "System monitor that keeps descriptors on /proc",
  params = {
    build        = choice { "before", "document", "after" },
    channel      = choice { "", "unbounded", "bounded" },      -- single fixes, over the build's own
    sysmon       = choice { "", "off", "retain", "release" },
    stale_socket = choice { "", "keep", "unlink" },
    rate         = 1000,
    every        = 0.1,   -- seconds from one short-lived process to the next
  },

  services = {
    program { "sh", "-c", "while :; do sleep 1 & sleep ${every}; done" },
  },

  target = program {
    "${bin}/log-batcher", "--socket", "${run}/rpc.sock", "--db", "${data}/logs.db",
    "--sysmon-interval-ms", "250", fixes "${build}",
    ready  = http { unix = "${run}/rpc.sock", path = "/health" },
    gauges = { http { unix = "${run}/rpc.sock", path = "/stats" } },
  },

  load = http_load {
    unix = "${run}/rpc.sock", method = "POST", path = "/rpc",
    rate = "${rate}/s", body = json { method = "logs.insert", params = text(142) },
  },

  phases = {
    phase { "warm-up", "5s" },
    phase { "load", "25s" },
    phase { "settle", "5s", load = off },
  },

  delivered = sqlite_rows { "${data}/logs.db", "select count(*) from logs" },
  dropped   = gauge { "dropped_total" },

  budget = { heap = bounded, fds = bounded, unaccounted = 0 },
}
