-- The same in a memory cgroup: the kernel kills the server in the middle of a request.
--
-- The report is complete: which requests were under way, which sites held how many bytes when it
-- was killed, and that it was the limit.
local bulk = require "_bulk"

return scenario {
  title  = "gRPC server killed at its memory limit",
  params = bulk.params {
    handler = choice { "retain", "accumulate", "records", "reserve", "stream" },
    memory  = "2GB",
    rate    = 0.5,
    seconds = 30,
  },

  target = bulk.target { memory = "${memory}" },
  load   = bulk.unary { rate = "${rate}/s", arrivals = "uniform" },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "3s", load = off },
  },

  budget = { heap = bounded, unanswered = 0 },
}
