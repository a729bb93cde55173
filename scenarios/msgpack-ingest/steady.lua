-- An hour without trouble, time-scaled: what is held is what waits for its flush, and no more,
-- before the fixes and after them.
return scenario {
  title  = "A steady hour",
  params = {
    build         = choice { "before", "document", "after" },
    decompression = choice { "", "chunks", "single" },  -- single fixes, over the build's own
    retry         = choice { "", "unbounded", "limited" },
    release       = choice { "", "late", "prompt" },
    held_max      = "",
    payload       = choice { "made", "real" },
    hours         = 1,
    rate          = param { 2000, help = "rows per second, in production" },
    scale         = param { 0.01, help = "time here for time in production" },
    measurements  = choice { "1", "100" },
    workers       = 1,
  },

  target = program {
    "${bin}/msgpack-ingest", "--socket", "${run}/socket", "--data", "${data}",
    "--workers", "${workers}",
    "--age-ms", function(p) return ("%d"):format(math.max(1, 5000 * p.scale)) end,
    "--tick-ms", function(p) return ("%d"):format(math.max(1, 1000 * p.scale)) end,
    fixes "${build}",
    ready  = http { unix = "${run}/socket", path = "/health" },
    gauges = { http { unix = "${run}/socket", path = "/api/v1/write/msgpack/stats" } },
  },

  load = http_load {
    unix = "${run}/socket", method = "POST", path = "/api/v1/write/msgpack",
    headers = { "Content-Type: application/msgpack" },
    body = function(p)
      local name = p.payload == "real" and "real" or "over-" .. p.measurements
      return gzip(file("${bin}/payloads/" .. name .. ".msgpack"))
    end,
    weight = function(p) return p.payload == "real" and 253 or 5000 end,
    rate = function(p)
      return p.rate / p.scale / (p.payload == "real" and 253 or 5000) .. "/s"
    end,
    arrivals = "uniform", connections = 16,
  },

  phases = {
    phase { "warm-up", "3s" },
    phase { "steady", function(p) return p.hours * 3600 * p.scale .. "s" end },
    phase { "settle", "5s", load = off },
  },

  delivered = command { "${bin}/avro-rows", "${data}" },
  dropped   = gauge { "buffer.total_records_dropped" },

  budget = { heap = bounded, heap_peak = "32MB", fds = bounded, unaccounted = 0, dropped = 0,
             refused = 0 },
}
