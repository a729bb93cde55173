-- Unary uploads of 150 MB, one after the other, in doses with rests between them.
--
-- accumulate: each passes through seven forms that are held until its call is over: a peak of many
-- times the body, and no leak. retain: the same, kept: about 1 GB more for each request. records:
-- parsed into a million small objects, which are freed; the allocator keeps their pages. stream:
-- consumed as it comes, but one message is still one message.
local bulk = require "_bulk"

return scenario {
  title  = "gRPC requests of 150 MB",
  params = bulk.params { rate = 0.25, matters = "10MB/s" },

  target = bulk.target {},
  load   = bulk.unary { rate = "${rate}/s", arrivals = "uniform" },

  phases = { doses { "4s", "6s" } },

  budget = { heap = "${matters}", fds = bounded, unanswered = 0 },
}
