-- The ingester as it was, as the incident's document mends it, and as it has to be.
--
-- The document bounds the channels and adds a counter. That the writer forgets the batch in its
-- hands when the stream is full, that the counter keeps it, and that the writer ends when Redis
-- fails, were there before and after.
return {
  before   = { "--channels", "unbounded", "--pressure", "drop", "--counter", "code",
               "--redis-failure", "end", "--parse", "per-op" },
  document = { "--channels", "bounded", "--pressure", "drop", "--counter", "code",
               "--redis-failure", "end", "--parse", "per-op" },
  after    = { "--channels", "bounded", "--pressure", "keep", "--counter", "right",
               "--redis-failure", "retry", "--parse", "shared" },
}
