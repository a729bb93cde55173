-- A stream that goes on and on, close to the limits: rows logged one by one through the batcher, and
-- columns of half the server's limit between them. What has passed through in the end is many times
-- what the server and the viewer may hold.
--
-- before: the limit is broken by the size of a message. The document's viewer refuses all that comes
-- once it is full; after, it lets go of its oldest.
local recorder = require "_recorder"

return scenario {
  title  = "A long stream close to the limits",
  params = recorder.params {
    scale     = param { 0.04, help = "sizes here for sizes of the incident" },
    rate      = param { 4000, help = "rows logged a second" },
    row_bytes = 1000,
    columns   = param { 250, help = "MB of each call of send_columns" },
    rows      = param { 100, help = "rows of such a call" },
    every     = param { 2, help = "seconds between such calls" },
    seconds   = 60,
  },

  target = recorder.target,
  load   = {
    recorder.calls("log", 10, function(p) return p.row_bytes end,
      { rate = function(p) return p.rate / 10 .. "/s" end, connections = 8 }),
    recorder.calls("send_columns", function(p) return p.rows end,
      function(p) return p.columns * 1000000 * p.scale // p.rows end,
      { rate = function(p) return 1 / p.every .. "/s" end, arrivals = "uniform", stream = 1 }),
  },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "4s", load = off },
  },

  delivered = recorder.delivered,
  dropped   = recorder.dropped,

  budget = recorder.budget {
    heap      = "2MB/s",
    heap_peak = function(p) return 1.3 * (p.server_limit + p.viewer_limit) * 1000000 * p.scale end,
  },
}
