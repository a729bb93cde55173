-- Bodies that are no good, in turn: no gzip, damaged gzip, a gzip bomb, no MessagePack, wrong types,
-- cut off, of another content type, too large. Each is answered 4xx and leaves nothing behind, while
-- good ones go on arriving.
--
-- before and document look at a body's size when it is all there; after looks while it comes.
local function bad(headers, body)
  return http_load {
    unix = "${run}/socket", method = "POST", path = "/api/v1/write/msgpack",
    headers = headers, body = body, rate = "${rate}/s", connections = 4,
  }
end
local msgpack_type = "Content-Type: application/msgpack"
local gzip_encoding = "Content-Encoding: gzip"
local good = { m = "good", columns = { time = { 1, 2, 3 }, value = { 0.5, 1.5, 2.5 } } }

return scenario {
  title  = "Bodies that are refused",
  params = {
    build         = choice { "before", "document", "after" },
    decompression = choice { "", "chunks", "single" },  -- single fixes, over the build's own
    body_check    = choice { "", "whole", "arriving" },
    rate          = param { 5, help = "bodies of each kind a second" },
    bomb          = param { 4000000, help = "bytes that the bomb decompresses to" },
    limit         = param { 1000000, help = "bytes a body may have, or decompress to" },
    cycles        = 8,
    load          = param { 1.5, help = "seconds of load in a cycle" },
    rest          = param { 2, help = "seconds without load in each cycle" },
    workers       = 1,
  },

  target = program {
    "${bin}/msgpack-ingest", "--socket", "${run}/socket", "--data", "${data}",
    "--workers", "${workers}", "--age-ms", "500",
    "--compressed-max", "${limit}", "--decompressed-max", "${limit}", fixes "${build}",
    ready  = http { unix = "${run}/socket", path = "/health" },
    gauges = { http { unix = "${run}/socket", path = "/api/v1/write/msgpack/stats" } },
  },

  load = {
    http_load {
      unix = "${run}/socket", method = "POST", path = "/api/v1/write/msgpack",
      headers = { msgpack_type }, body = gzip(msgpack(good)), rate = "${rate}/s", weight = 3,
      connections = 4,
    },
    bad({ msgpack_type, gzip_encoding }, text "10KB"),                       -- no gzip
    bad({ msgpack_type, gzip_encoding }, join { "\x1f\x8b\x08\x08", noise "10KB" }),
    bad({ msgpack_type, gzip_encoding },                                     -- cut off
        join { "\x1f\x8b\x08\x08ingest\x01\x01\x01" }),
    bad({ msgpack_type }, function(p) return gzip(string.rep("a", p.bomb)) end), -- a bomb
    bad({ msgpack_type }, join { "\xc1", noise "10KB" }),                    -- no MessagePack
    bad({ msgpack_type }, join { "\x82\xa1m\xa1x\xa7columns\x81\xa4time\x93\x01\x02" }), -- cut off
    bad({ msgpack_type }, msgpack { m = "x", columns = { time = { "now" } } }),
    bad({ msgpack_type }, msgpack { m = "x", columns = { time = { 1 }, v = { { 1 } } } }),
    bad({ "Content-Type: application/json" }, json { m = "x", columns = { time = { 1 } } }),
    bad({ msgpack_type }, noise "4MB"),                                      -- too large
  },

  phases = {
    phase { "warm-up", "1s" },
    cycles("${cycles}", {
      phase { "load", "${load}s" },
      phase { "rest", "${rest}s", load = off },
    }),
  },

  delivered = command { "${bin}/avro-rows", "${data}" },
  dropped   = gauge { "buffer.total_records_dropped" },

  budget = { heap = bounded, heap_peak = "48MB", fds = bounded, unaccounted = 0, dropped = 0,
             unanswered = 0 },
}
