-- Ten uploads at once, again and again, of which some clients hang up half way.
--
-- Streams of messages: with handler=stream the server holds a few messages, whatever the bodies;
-- with accumulate it holds ten bodies in several forms. Clients that give up after `patience` are
-- named in the ledger as timed out, and the server lets go of what it held for them. With a `pace`
-- they are slow: then reserve holds ten announced bodies of which little is there, heap without RSS.
local bulk = require "_bulk"

return scenario {
  title  = "Ten large gRPC uploads at once",
  params = bulk.params {
    handler  = choice { "stream", "accumulate", "retain", "records", "reserve" },
    reply    = choice { "summary", "echo" },
    at_once  = 10,
    patience = "60s",
    pace     = "",        -- bytes a second that each client sends: "1MB/s"; "": as fast as it goes
    seconds  = 30,
    matters  = "10MB/s",
    held     = "256MB",
  },

  target = bulk.target {},
  load   = bulk.stream {
    concurrency = "${at_once}", connections = "${at_once}", streams = 1, timeout = "${patience}",
    send_rate = function(p) if p.pace ~= "" then return p.pace end end,
  },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off, give_back = true },
  },

  budget = { heap = "${matters}", heap_peak = "${held}", fds = bounded },
}
