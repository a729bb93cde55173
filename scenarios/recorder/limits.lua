-- A server that is to hold 100 MB, and calls of send_columns with 200 MB each.
--
-- before: each is passed on and kept, over the limit, until the next comes; what the viewer has not
-- taken yet waits in a channel that counts slots, and is in nobody's account. Fixes: an error for who
-- called, or batches that fit.
local recorder = require "_recorder"

return scenario {
  title  = "Columns of twice the server's limit",
  params = recorder.params {
    server_limit = 100,
    viewer_limit = 500,
    viewer_rate  = param { 80, help = "MB a second that a viewer shows; 0: any" },
    megabytes    = param { 200, help = "MB of each call" },
    rows         = param { 200, help = "rows of each call" },
    calls        = param { 8, help = "calls, one after the other" },
    seconds      = 24,
  },

  target = recorder.target,
  load   = recorder.large_calls(),

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "6s", load = off },
  },

  delivered = recorder.delivered,
  dropped   = recorder.dropped,

  budget = recorder.budget {},
}
