-- What the scenarios of this folder share: the three parts in one target, and calls of the SDK.

-- A single fix, over what the build says.
local switches = {
  build        = choice { "before", "document", "after" },
  chunk_limit  = choice { "", "any", "refuse" },
  batching     = choice { "", "none", "fixed", "adaptive" },
  in_flight    = choice { "", "ignored", "tracked" },
  collection   = choice { "", "late", "early" },
  queues       = choice { "", "slots", "bytes", "both" },
  pressure     = choice { "", "none", "signal" },
  viewer_check = choice { "", "late", "early", "purge" },
}

local defaults = {
  scale        = param { 1, help = "sizes here for sizes of the incident" },
  server_limit = param { 500, help = "MB that the server is to hold" },
  viewer_limit = param { 2500, help = "MB that a viewer is to hold" },
  chunk_max    = param { 100, help = "MB of a chunk" },
  queue_max    = param { 128, help = "MiB of a channel with queues=both" },
  viewers      = 1,
  viewer_rate  = param { 0, help = "MB a second that a viewer shows; 0: any" },
  viewer_wait  = param { 0, help = "ms until the viewers connect" },
}

local function bytes(name, unit)
  return function(p)
    return ("%d"):format(math.max(1, math.floor(p[name] * unit * p.scale + 0.5)))
  end
end

-- Calls with so many rows of so many bytes, which may be functions of the parameters. Every load
-- needs a stream of its own, so that no two rows have the same number.
local function calls(method, rows, row_bytes, own)
  local load = {
    unix = "${run}/sdk", method = "POST", timeout = "60s",
    path = function(p)
      local count = type(rows) == "function" and rows(p) or rows
      local each = type(row_bytes) == "function" and row_bytes(p) or row_bytes
      return ("/%s?rows=%d&row_bytes=%d&stream=%d"):format(method, count, each, own.stream or 0)
    end,
    body = number(), weight = rows,
  }
  for key, value in pairs(own) do
    if key ~= "stream" then load[key] = value end
  end
  return http_load(load)
end

return {
  params = function(own)
    local all = {}
    for _, part in ipairs { defaults, switches, own } do
      for name, value in pairs(part) do all[name] = value end
    end
    return all
  end,

  target = program {
    "${bin}/recorder", "--listen", "unix:${run}/grpc", "--socket", "${run}/sdk",
    "--data", "${data}", "--stats", "${run}/stats", "--viewers", "${viewers}",
    "--server-limit", bytes("server_limit", 1000000),
    "--viewer-limit", bytes("viewer_limit", 1000000),
    "--chunk-max", bytes("chunk_max", 1000000), "--queue-bytes", bytes("queue_max", 1048576),
    "--viewer-rate", function(p)
      return ("%d"):format(math.floor(p.viewer_rate * 1000000 * p.scale + 0.5))
    end,
    "--viewer-wait-ms", "${viewer_wait}",
    fixes "${build}",
    ready  = http { unix = "${run}/sdk", path = "/health" },
    gauges = { http { unix = "${run}/stats", path = "/stats" } },
  },

  calls = calls,

  -- ${calls} of send_columns one after the other, each with ${megabytes} in ${rows} rows.
  large_calls = function()
    return calls("send_columns", function(p) return p.rows end,
      function(p) return p.megabytes * 1000000 * p.scale // p.rows end,
      { count = "${calls}", concurrency = 1 })
  end,

  -- What has to hold: the server's limit, nothing held in vain, nothing lost, by word or without.
  budget = function(own)
    return function(p)
      local budget = {
        ["gauge:server.alive_peak_bytes"] = p.server_limit * 1000000 * p.scale,
        ["gauge:witness.zombie_peak_bytes"] = 0,
        fds = bounded, unaccounted = 0, dropped = 0, unanswered = 0,
      }
      for key, value in pairs(own) do budget[key] = value end
      return budget
    end
  end,

  delivered = command { "${bin}/recorder-rows", "${data}" },
  dropped   = gauge { "dropped_rows_total" },
}
