-- The storage is gone for a while: calls fail at once (ENOSPC, EIO), or each waits for its time-out.
--
-- before: every flush that fails is put back, so memory grows with all that arrives. document: three
-- retries, then rows are dropped, told and counted; what is held stays below rate x 4 x time-out,
-- which may be more than there is. after: beyond 32 MB a worker answers 503.
--
-- Times are of production, made shorter by `scale`, and the rate is as much higher: the bytes held
-- are those of the whole outage.
return scenario {
  title  = "Storage outage",
  params = {
    build         = choice { "before", "document", "after" },
    decompression = choice { "", "chunks", "single" },  -- single fixes, over the build's own
    retry         = choice { "", "unbounded", "limited" },
    release       = choice { "", "late", "prompt" },
    held_max      = param { "", help = "bytes of rows held, beyond which the server says 503" },
    error         = choice { "ENOSPC", "EIO", "ETIMEDOUT" },
    outage        = param { 600, help = "seconds, in production" },
    timeout       = param { 30, help = "seconds until ETIMEDOUT, in production" },
    rate          = param { 20000, help = "rows per second, in production" },
    scale         = param { 0.05, help = "time here for time in production" },
    drain         = param { 8, help = "seconds of load after the outage" },
    measurements  = choice { "1", "100" },
    workers       = 1,
  },

  target = program {
    "${bin}/msgpack-ingest", "--socket", "${run}/socket", "--data", "${data}",
    "--workers", "${workers}", 
    -- Each time-out keeps a thread; calls that fail at once need few.
    "--flush-threads", function(p) return p.error == "ETIMEDOUT" and "2048" or "16" end,
    "--age-ms", function(p) return ("%d"):format(math.max(1, 5000 * p.scale)) end,
    "--tick-ms", function(p) return ("%d"):format(math.max(1, 1000 * p.scale)) end,
    fixes "${build}",
    ready  = http { unix = "${run}/socket", path = "/health" },
    gauges = { http { unix = "${run}/socket", path = "/api/v1/write/msgpack/stats" } },
  },

  load = http_load {
    unix = "${run}/socket", method = "POST", path = "/api/v1/write/msgpack",
    headers = { "Content-Type: application/msgpack" },
    body = gzip(file "${bin}/payloads/over-${measurements}.msgpack"),
    weight = 5000,
    rate = function(p) return p.rate / p.scale / 5000 .. "/s" end,
    arrivals = "uniform", connections = 16,
  },

  phases = function(p)
    local faults = { disk_error { path = "${data}", error = p.error } }
    if p.error == "ETIMEDOUT" then
      faults[2] = slow_disk { path = "${data}", latency = p.timeout * p.scale .. "s" }
    end
    return {
      phase { "warm-up", "5s" },
      phase { "outage", p.outage * p.scale .. "s", faults = faults },
      phase { "drain", p.drain .. "s" },
      phase { "settle", "5s", load = off },
    }
  end,

  delivered = command { "${bin}/avro-rows", "${data}" },
  dropped   = gauge { "buffer.total_records_dropped" },

  -- The ceiling that three retries promise: what arrives in four time-outs, or in four waits for the
  -- next flush where calls fail at once. A row takes 50 bytes with what its flush takes, three times
  -- as much in records of 50 rows, each with texts of its own; and 8 MB are for the work itself.
  declared = function(p)
    local seconds = p.error == "ETIMEDOUT" and math.max(p.timeout, 5) or 5
    return { heap = 8e6 + p.rate * 4 * seconds * (p.measurements == "100" and 150 or 50) }
  end,

  budget = { heap = bounded, heap_peak = "64MB", unaccounted = 0 },
}
