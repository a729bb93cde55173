-- A relay at its worst: garbage, frames cut off, error frames, a restart, and ConsumerTooSlow to
-- whom it has to wait for.
--
-- Nothing of it is to be kept, and every event is to arrive: after each loss of the connection the
-- ingester asks for what follows the last event it has.
local firehose = require "_firehose"
local frames = require "_frames"

return scenario {
  title  = "Firehose from an unruly relay",
  params = firehose.params { rate = 800, batch = 50, seconds = 25 },

  services = { redis {}, firehose.indexer "firehose_live" },
  target   = firehose.target {},
  load     = firehose.relay {
    script = {
      step { "message", every = 500, body = noise "4KB" },
      step { "message", every = 700, body = raw(frames.problem("InternalError", "try again")) },
      step { "close", after = 4000, code = 1001, reason = "restart", away = "1s" },
      step { "torn", after = 8000 },
      step { "reset", after = 11000 },
      step { "close", after = 14000, code = 1008,
             body = raw(frames.problem("ConsumerTooSlow", "it reads too slowly")),
             reason = "ConsumerTooSlow" },
    },
  },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off },
  },

  delivered = firehose.delivered,
  declared  = { heap = "8MB" },

  budget = { heap = "50KB/s", heap_peak = "16MB", fds = bounded, unaccounted = 0 },
}
