-- Large bodies, compressed: 10 MB that become 50 MB, one or several at the same moment.
--
-- before: decompressed into a list of pieces that is then joined, so the payload is there twice.
-- document and after: one buffer that grows, once. Payloads of rows are also freed sooner; of a
-- columnar one, which is a single record, that fix takes no notice.
return scenario {
  title  = "Gzip bodies of 50 MB",
  params = {
    build         = choice { "before", "document", "after" },
    decompression = choice { "", "chunks", "single" },  -- single fixes, over the build's own
    retry         = choice { "", "unbounded", "limited" },
    release       = choice { "", "late", "prompt" },
    held_max      = param { "0", help = "bytes of rows held, beyond which the server says 503" },
    shape         = choice { "columnar", "rows" },
    size          = choice { "50MB", "5MB" },
    at_once       = param { 1, help = "requests at the same moment, and threads for them" },
    every         = param { 4, help = "seconds from one such moment to the next" },
    workers       = 1,
    cycles        = 12,
    rest          = param { 2, help = "seconds without load in each cycle" },
  },

  target = program {
    "${bin}/msgpack-ingest", "--socket", "${run}/socket", "--data", "${data}",
    "--workers", "${workers}", "--threads", "${at_once}", fixes "${build}",
    ready  = http { unix = "${run}/socket", path = "/health" },
    gauges = { http { unix = "${run}/socket", path = "/api/v1/write/msgpack/stats" } },
  },

  load = http_load {
    unix = "${run}/socket", method = "POST", path = "/api/v1/write/msgpack",
    headers = { "Content-Type: application/msgpack" },
    body = gzip(file "${bin}/payloads/${shape}-${size}.msgpack"),
    weight = function(p)
      local rows = p.shape == "columnar" and 193000 or 148000
      return p.size == "50MB" and rows or rows // 10
    end,
    rate = function(p) return p.at_once / p.every .. "/s" end,
    burst = "${at_once}", arrivals = "uniform",
    connections = "${at_once}",
  },

  -- One such moment in the middle of every load.
  phases = function(p)
    return {
      phase { "warm-up", p.every / 2 .. "s" },
      cycles(p.cycles, {
        phase { "load", p.every .. "s" },
        phase { "rest", p.rest .. "s", load = off },
      }),
    }
  end,

  delivered = command { "${bin}/avro-rows", "${data}" },
  dropped   = gauge { "buffer.total_records_dropped" },

  budget = { heap = bounded, fds = bounded, unaccounted = 0, dropped = 0 },
}
