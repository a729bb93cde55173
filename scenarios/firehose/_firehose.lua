-- What the scenarios of this folder share.
local frames = require "_frames"

-- A single fix, over what the build says.
local switches = {
  build         = choice { "before", "document", "after" },
  channels      = choice { "", "unbounded", "bounded" },
  pressure      = choice { "", "drop", "keep" },
  counter       = choice { "", "code", "right" },
  redis_failure = choice { "", "end", "retry" },
  parse         = choice { "", "per-op", "shared" },
}

local defaults = {
  mark       = 100000,  -- entries of the stream at which the writer waits
  batch      = 500,     -- events
  sleep_ms   = 5000,    -- how long the writer waits at the mark
  rate       = 4000,    -- messages a second
  smallest   = 4000,    -- bytes of a message, evenly distributed
  largest    = 20000,
  operations = 1,       -- events in a message
  record     = 300,     -- bytes of text in each
}

local VARIANTS = 64

local function params(own)
  local all = {}
  for _, part in ipairs { defaults, switches, own } do
    for name, value in pairs(part) do all[name] = value end
  end
  return all
end

local function message(p, i)
  local size = p.smallest + (p.largest - p.smallest) * (i * 37 % VARIANTS) // (VARIANTS - 1)
  local before, after = frames.frame(i, size, p.operations, p.record)
  return join { raw(before), number "big_endian", raw(after) }
end

return {
  params = params,

  target = program {
    "${bin}/firehose", "--relay", "127.0.0.1:${port:relay}", "--redis", "unix:${redis.unix}",
    "--stats", "${run}/stats", "--high-water-mark", "${mark}", "--batch-size", "${batch}",
    "--pressure-sleep-ms", "${sleep_ms}",
    fixes "${build}",
    ready  = http { unix = "${run}/stats", path = "/health" },
    gauges = { http { unix = "${run}/stats", path = "/stats" } },
  },

  relay = function(own)
    local relay = {
      port = "${port:relay}", rate = "${rate}/s", cursor = "cursor", first = 1,
      body = function(p)
        return template(VARIANTS, function(i) return message(p, i) end)
      end,
    }
    for key, value in pairs(own) do relay[key] = value end
    return websocket_relay(relay)
  end,

  -- Every entry ever added, whether or not the indexer has trimmed it since.
  delivered = redis { unix = "${redis.unix}", command = { "XINFO", "STREAM", "firehose_live" },
                      field = "entries-added" },
}
