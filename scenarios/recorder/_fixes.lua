-- The recorder as it was, as the incident's document mends it with its four solutions together, and
-- as it has to be.
--
-- The document bounds channels by bytes, so that a message larger than a channel never passes, and
-- has a viewer at its limit refuse whatever comes, without letting go of what is old.
return {
  before   = { "--chunk-limit", "any", "--batching", "none", "--in-flight", "ignored",
               "--collection", "late", "--queues", "slots", "--pressure", "none",
               "--viewer-check", "late" },
  document = { "--chunk-limit", "refuse", "--batching", "adaptive", "--in-flight", "tracked",
               "--collection", "early", "--queues", "bytes", "--pressure", "signal",
               "--viewer-check", "early" },
  after    = { "--chunk-limit", "refuse", "--batching", "adaptive", "--in-flight", "tracked",
               "--collection", "early", "--queues", "both", "--pressure", "signal",
               "--viewer-check", "purge" },
}
