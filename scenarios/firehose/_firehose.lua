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

local PAGES, REPOSITORIES = 30, 25

-- The pages of com.atproto.sync.listRepos, each with the cursor of the next one.
local function page(number)
  local repositories = {}
  for i = 1, REPOSITORIES do
    local did = "did:plc:" .. string.rep("c", 16) .. (number * REPOSITORIES + i)
    repositories[i] = string.format('{"did":"%s","head":"bafyrei%s","rev":"3l%d"}', did,
                                    string.rep("d", 40), i)
  end
  local cursor = number < PAGES and string.format('"cursor":"%d",', number + 1) or ""
  return string.format('{%s"repos":[%s]}', cursor, table.concat(repositories, ","))
end

local function pages()
  local lines = { "map $arg_cursor $page {", "  '' '" .. page(1) .. "';" }
  for number = 2, PAGES do
    lines[#lines + 1] = string.format("  '%d' '%s';", number, page(number))
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

local function with(own, defaults)
  for key, value in pairs(own) do
    if type(key) == "number" then
      defaults[#defaults + 1] = value
    else
      defaults[key] = value
    end
  end
  return defaults
end

return {
  params = params,

  target = function(own)
    return program(with(own, {
      "${bin}/firehose", "--relay", "127.0.0.1:${port:relay}", "--redis", "unix:${redis.unix}",
      "--stats", "${run}/stats", "--high-water-mark", "${mark}", "--batch-size", "${batch}",
      "--pressure-sleep-ms", "${sleep_ms}",
      fixes "${build}",
      ready  = http { unix = "${run}/stats", path = "/health" },
      gauges = { http { unix = "${run}/stats", path = "/stats" } },
    }))
  end,

  relay = function(own)
    return websocket_relay(with(own, {
      port = "${port:relay}", rate = "${rate}/s", cursor = "cursor", first = 1,
      body = function(p)
        return template(VARIANTS, function(i) return message(p, i) end)
      end,
    }))
  end,

  labeler = function(own)
    return websocket_relay(with(own, {
      port = "${port:labeler}", cursor = "cursor", first = 1,
      body = template(VARIANTS, function(i)
        local before, after = frames.label(i)
        return join { raw(before), number "big_endian", raw(after) }
      end),
    }))
  end,

  -- Lists all repositories, a page at a time.
  repositories = nginx {
    name = "repositories", http = pages(),
    server = "location /xrpc/com.atproto.sync.listRepos { default_type application/json; return 200 $page; }",
  },

  indexer = function(stream)
    return program { "${bin}/firehose-indexer", "${redis.unix}", stream, name = "indexer" }
  end,

  -- Every entry ever added to the relay's and the labeler's stream, trimmed since or not.
  delivered = redis {
    unix = "${redis.unix}",
    command = { "EVAL", [[
      local sum = 0
      for _, stream in ipairs(KEYS) do
        if redis.call('EXISTS', stream) == 1 then
          local info = redis.call('XINFO', 'STREAM', stream)
          for i = 1, #info, 2 do
            if info[i] == 'entries-added' then sum = sum + info[i + 1] end
          end
        end
      end
      return sum]], "2", "firehose_live", "label_live" },
  },
}
