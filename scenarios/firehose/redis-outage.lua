-- Redis goes away in the middle, and comes back with all that it had.
--
-- before and document: the writer ends at the first failure, and whatever comes later is let go of
-- without a word: bounded, with loss. after: the batch in hand waits, the channels fill, the relay
-- is held back, then drops a consumer that is too slow for it, and sends again from the cursor
-- that the ingester comes back with: nothing lost.
local firehose = require "_firehose"
local frames = require "_frames"

return scenario {
  title  = "Firehose while Redis is away",
  params = firehose.params { rate = 500, batch = 100, away = "8s" },

  services = {
    redis { args = { "--appendonly", "yes", "--appendfsync", "no" } },
    firehose.indexer "firehose_live",
  },
  target = firehose.target {},
  load   = firehose.relay {
    script = {
      step { "close", waiting = 1000, code = 1008, reason = "ConsumerTooSlow",
             body = raw(frames.problem("ConsumerTooSlow", "it reads too slowly")) },
    },
  },

  phases = {
    phase { "load", "6s" },
    phase { "redis away", "${away}", faults = outage { "redis" } },
    phase { "redis back", "12s" },
    phase { "settle", "5s", load = off },
  },

  delivered = firehose.delivered,
  declared  = { heap = "8MB" },

  budget = { heap_peak = "64MB", fds = bounded, unaccounted = 0 },
}
