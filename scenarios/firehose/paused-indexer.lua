-- The indexer stops reading for a while, with a labeler and a backfill beside the firehose.
--
-- The stream fills to its high-water mark, the writer waits, and the relay is to be held back; the
-- labeler and the backfill, on streams of their own, go on. before: what the relay sends piles up
-- in the channel. document: bounded, but a batch is forgotten at each look. after: bounded, and
-- all of it arrives when the indexer reads again.
local firehose = require "_firehose"

return scenario {
  title  = "Firehose while its indexer pauses",
  params = firehose.params { rate = 800, batch = 50, mark = 2000, sleep_ms = 500, paused = "12s" },

  services = { redis {}, firehose.repositories, firehose.indexer "firehose_live" },
  target   = firehose.target {
    "--labeler", "127.0.0.1:${port:labeler}",
    "--backfill", "http://127.0.0.1:${repositories.port}",
  },
  load = { firehose.relay {}, firehose.labeler { rate = "50/s" } },

  phases = {
    phase { "load", "6s" },
    phase { "indexer paused", "${paused}", faults = pause { "indexer" } },
    phase { "indexer reads again", "15s" },
    phase { "settle", "5s", load = off },
  },

  delivered = firehose.delivered,
  declared  = { heap = "2MB" },

  budget = { heap_peak = "16MB", fds = bounded, unaccounted = 0 },
}
