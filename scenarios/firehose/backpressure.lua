-- A full stream holds the ingester back: high-water mark 100, batches of 50, nobody reads.
--
-- before: what the writer does not take piles up in the channel, 3 000 events a second. document:
-- the channels are bounded, so the heap is; but the writer forgets a batch of 50 every 5 s, which
-- the ingester's own counter goes on to count: a gauge that climbs, and events that are nowhere.
-- after: bounded, and nothing lost.
local firehose = require "_firehose"

return scenario {
  title  = "Firehose held back by a full stream",
  params = firehose.params { mark = 100, batch = 50, rate = 3000, seconds = 50 },

  services = { redis {} },
  target   = firehose.target {},
  load     = firehose.relay {},

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off },
  },

  delivered = firehose.delivered,
  declared  = { heap = "8MB" },

  budget = { heap = bounded, heap_peak = "64MB", fds = bounded, unaccounted = 0 },
}
