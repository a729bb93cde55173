-- What the scenarios of this folder share: the server, and uploads of bulk.v1.Chunk.
return {
  params = function(own)
    local all = {
      handler     = choice { "accumulate", "retain", "records", "reserve", "stream" },
      allocator   = choice { "glibc", "tcmalloc" },
      body        = "150MB",   -- of one unary upload
      message     = 1000000,   -- bytes of a message in a stream of so many
      messages    = 150,
      reply       = choice { "echo", "summary" },
      receive_max = 0,         -- bytes of one message that the server takes; 0: no limit
      upload_max  = 0,         -- bytes of an upload; 0: no limit
    }
    for name, value in pairs(own) do all[name] = value end
    return all
  end,

  target = function(own)
    local target = {
      "${bin}/bulk-rpc", "--listen", "unix:${run}/grpc", "--stats", "${run}/stats",
      "--handler", "${handler}", "--reply", "${reply}",
      "--receive-max", "${receive_max}", "--upload-max", "${upload_max}",
      ready     = unix { "${run}/grpc" },
      gauges    = { http { unix = "${run}/stats", path = "/stats" } },
      allocator = "${allocator}",
    }
    for key, value in pairs(own) do target[key] = value end
    return program(target)
  end,

  -- One message, however large.
  unary = function(own)
    local load = {
      unix = "${run}/grpc", method = "/bulk.v1.Bulk/Upload", timeout = "60s",
      body = function(p) return protobuf { { 1, "bytes", noise(p.body) } } end,
    }
    for key, value in pairs(own) do load[key] = value end
    return grpc_load(load)
  end,

  -- In messages of the same size, the first of which announces them all.
  stream = function(own)
    local load = {
      unix = "${run}/grpc", method = "/bulk.v1.Bulk/UploadStream", stream = "client",
      messages = "${messages}",
      body = function(p)
        return protobuf { { 1, "bytes", noise(p.message) },
                          { 2, "uint64", p.messages * p.message } }
      end,
    }
    for key, value in pairs(own) do load[key] = value end
    return grpc_load(load)
  end,
}
