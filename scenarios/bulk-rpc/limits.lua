-- A server whose limit lies below what its clients send: bodies of 100, 150, 200 MB and 2 GB, in
-- turn, to a server that takes 128 MB.
--
-- In streams, what is over the limit is refused with OUT_OF_RANGE as soon as it is announced, and
-- nothing is held. In one message (way=unary) gRPC's C core answers RESOURCE_EXHAUSTED, but only
-- once it has read the whole of it: the client gets its status, and the server held 2 GB.
local bulk = require "_bulk"

return scenario {
  title  = "gRPC requests above the server's limit",
  params = bulk.params {
    way         = choice { "stream", "unary" },
    receive_max = 128000000,
    upload_max  = 128000000,
    reply       = choice { "summary", "echo" },
    unit        = 1000000,   -- the four sizes are so many bytes times 100, 150, 200 and 2000
    seconds     = 40,
    held        = "700MB",   -- the most that one request under the limit may take
    matters     = "10MB/s",
  },

  target = bulk.target {},
  load   = function(p)
    local sizes, streams = {}, {}
    for i, factor in ipairs { 100, 150, 200, 2000 } do
      sizes[i] = factor * p.unit
      streams[i] = bulk.stream {
        concurrency = 1, timeout = "120s", messages = factor,
        body = protobuf { { 1, "bytes", noise(p.unit) }, { 2, "uint64", sizes[i] } },
      }
    end
    if p.way == "stream" then return streams end
    return bulk.unary {
      concurrency = 1, timeout = "120s",
      body = protobuf { { 1, "bytes", noise(in_turn(sizes)) } },
    }
  end,

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off, give_back = true },
  },

  budget = { heap = "${matters}", heap_peak = "${held}", fds = bounded, unanswered = 0 },
}
