-- The server as it was, as the incident's document mends it, and as it has to be.
--
-- The document's three fixes leave open what a body may take before its size is looked at, and what
-- the rows may take while the storage is gone: three retries of everything that arrives meanwhile.
return {
  before   = { "--decompression", "chunks", "--retry", "unbounded", "--release", "late",
               "--body-check", "whole", "--held-max", "0" },
  document = { "--decompression", "single", "--retry", "limited", "--release", "prompt",
               "--body-check", "whole", "--held-max", "0" },
  after    = { "--decompression", "single", "--retry", "limited", "--release", "prompt",
               "--body-check", "arriving", "--held-max", "32000000" },
}
