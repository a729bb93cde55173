-- The incident: batches of 1.8 GB by send_columns, a server that is to hold 500 MB, a viewer that is
-- to hold 2.5 GB. Sizes are a tenth of that unless scale=1 is asked for, which takes 7 GB for one call.
--
-- before: the server keeps a batch, over its limit, until the next one comes; the viewer copies it,
-- finds no room for it, and keeps it, too, not shown. Nobody is told.
local recorder = require "_recorder"

return scenario {
  title  = "Batches larger than the server's limit, below the viewer's",
  params = recorder.params {
    scale     = param { 0.1, help = "sizes here for sizes of the incident" },
    megabytes = param { 1800, help = "MB of each call" },
    rows      = param { 1800, help = "rows of each call" },
    calls     = param { 4, help = "calls, one after the other" },
    seconds   = 12,
  },

  target = recorder.target,
  load   = recorder.large_calls(),

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "4s", load = off },
  },

  delivered = recorder.delivered,
  dropped   = recorder.dropped,

  budget = recorder.budget {},
}
