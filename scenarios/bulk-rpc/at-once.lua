-- Ten uploads at once, again and again, of which some clients hang up half way.
--
-- Streams of messages: with handler=stream the server holds a few messages, whatever the bodies;
-- with accumulate it holds ten bodies in several forms. Clients that give up after `patience` are
-- named in the ledger as timed out, and the server lets go of what it held for them.
local bulk = require "_bulk"

return scenario {
  title  = "Ten large gRPC uploads at once",
  params = bulk.params {
    handler  = choice { "stream", "accumulate", "retain", "records", "reserve" },
    reply    = choice { "summary", "echo" },
    at_once  = 10,
    patience = "60s",
    seconds  = 30,
    matters  = "10MB/s",
    held     = "256MB",
  },

  target = bulk.target {},
  load   = bulk.stream { concurrency = "${at_once}", timeout = "${patience}" },

  phases = {
    phase { "load", "${seconds}s" },
    phase { "settle", "5s", load = off, give_back = true },
  },

  budget = { heap = "${matters}", heap_peak = "${held}", fds = bounded },
}
