-- A server whose limit lies below what its clients send: bodies of 100, 150, 200 MB and 2 GB, in
-- turn, to a server that takes 128 MB.
--
-- What is over the limit is refused with RESOURCE_EXHAUSTED before it is held: gRPC knows the
-- length from the first five bytes of a message. A stream of messages has no such length; there
-- upload_max says OUT_OF_RANGE as soon as too much was announced or came.
local bulk = require "_bulk"

return scenario {
  title  = "gRPC requests above the server's limit",
  params = bulk.params {
    receive_max = 128000000,
    reply       = choice { "summary", "echo" },
    unit        = 1000000,   -- the four sizes are so many bytes times 100, 150, 200 and 2000
    seconds     = 40,
    held        = "700MB",   -- the most that one request under the limit may take
    matters     = "10MB/s",
  },

  target = bulk.target {},
  load   = bulk.unary {
    concurrency = 1, timeout = "120s",
    body = function(p)
      local sizes = {}
      for i, factor in ipairs { 100, 150, 200, 2000 } do sizes[i] = factor * p.unit end
      return protobuf { { 1, "bytes", noise(in_turn(sizes)) } }
    end,
  },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off, give_back = true },
  },

  budget = { heap = "${matters}", heap_peak = "${held}", fds = bounded, unanswered = 0 },
}
