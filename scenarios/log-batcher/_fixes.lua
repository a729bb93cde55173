-- The daemon as it was, as the incident's document mends it, and as it has to be.
--
-- The document bounds the channel; the descriptors that the system monitor keeps, and the socket
-- that a killed daemon leaves behind, were found and mended beside it.
return {
  before   = { "--channel", "unbounded", "--sysmon", "retain",  "--stale-socket", "keep" },
  document = { "--channel", "bounded",   "--sysmon", "retain",  "--stale-socket", "keep" },
  after    = { "--channel", "bounded",   "--sysmon", "release", "--stale-socket", "unlink" },
}
