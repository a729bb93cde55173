-- A server that is to hold 100 MB, and calls of send_columns with 200 MB each.
--
-- before: each is passed on and kept, over the limit, until the next comes. Fixes: an error for who
-- called, or batches that fit.
local recorder = require "_recorder"

return scenario {
  title  = "Columns of twice the server's limit",
  params = recorder.params {
    server_limit = 100,
    viewer_limit = 500,
    megabytes    = param { 200, help = "MB of each call" },
    rows         = param { 200, help = "rows of each call" },
    every        = param { 2, help = "seconds between calls" },
    seconds      = 20,
  },

  target = recorder.target,
  load   = recorder.calls("send_columns", function(p) return p.rows end,
    function(p) return p.megabytes * 1000000 * p.scale // p.rows end,
    { rate = function(p) return 1 / p.every .. "/s" end, arrivals = "uniform" }),

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "4s", load = off },
  },

  delivered = recorder.delivered,
  dropped   = recorder.dropped,

  budget = function(p)
    return {
      ["gauge:server.alive_peak_bytes"] = p.server_limit * 1000000 * p.scale,
      ["gauge:witness.zombie_peak_bytes"] = 0,
      fds = bounded, unaccounted = 0, dropped = 0, unanswered = 0,
    }
  end,
}
