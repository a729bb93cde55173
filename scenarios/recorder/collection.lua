-- A server that is to hold 500 bytes, and a viewer that is slow: what is on the way to the viewer must
-- not be collected.
--
-- before: messages leave the buffer for their place in the channel, where nobody counts their bytes;
-- the channel's 1024 slots are used up, and the oldest are overwritten without a word. Fixes: what is
-- on its way counts, and the sender waits.
local recorder = require "_recorder"

return scenario {
  title  = "Collection while messages are on their way",
  params = recorder.params {
    server_limit = param { 0.0005, help = "MB that the server is to hold" },
    viewer_limit = param { 0.02, help = "MB that a viewer is to hold" },
    viewer_rate  = param { 0.04, help = "MB a second that a viewer shows; 0: any" },
    row_bytes    = 50,
    at_once      = param { 4, help = "calls at the same time" },
    seconds      = 12,
    drain        = param { 8, help = "seconds for what is on its way" },
  },

  target = recorder.target,
  load   = recorder.calls("send_columns", 1, function(p) return p.row_bytes end,
    { concurrency = "${at_once}" }),

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "${drain}s", load = off },
  },

  delivered = recorder.delivered,
  dropped   = recorder.dropped,

  budget = recorder.budget {},
}
