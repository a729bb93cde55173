-- Messages of com.atproto.sync.subscribeRepos, as a relay sends them: a DAG-CBOR header, and a
-- DAG-CBOR body whose `blocks` are a CAR file with the records that the operations name.
--
-- frames(bytes) makes one message of about so many bytes, in two halves: between them stands its
-- sequence number, 8 bytes with the highest first. CIDs are names here, not digests: no reader of
-- a stream checks them against the data.

local function head(major, n)
  local first = major << 5
  if n < 24 then return string.char(first | n) end
  if n < 0x100 then return string.char(first | 24, n) end
  if n < 0x10000 then return string.char(first | 25, n >> 8, n & 255) end
  return string.char(first | 26, n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255)
end

local function text(s) return head(3, #s) .. s end
local function bytes(s) return head(2, #s) .. s end
local function link(cid) return "\xd8\x2a" .. bytes("\0" .. cid) end
local function list(items) return head(4, #items) .. table.concat(items) end

-- Pairs of key and encoded value, in the order of DAG-CBOR: shorter keys first.
local function map(pairs)
  local parts = { head(5, #pairs) }
  for _, pair in ipairs(pairs) do parts[#parts + 1] = text(pair[1]) .. pair[2] end
  return table.concat(parts)
end

local function varint(n)
  local s = ""
  while n >= 128 do
    s = s .. string.char(n & 127 | 128)
    n = n >> 7
  end
  return s .. string.char(n)
end

-- CID of version 1, codec DAG-CBOR, hash sha2-256.
local function cid(number)
  local parts = {}
  for i = 1, 8 do
    number = (number * 1103515245 + 12345) & 0x7fffffff
    parts[i] = string.char(number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255)
  end
  return "\x01\x71\x12\x20" .. table.concat(parts)
end

local function block(name, data) return varint(#name + #data) .. name .. data end

local function record(words)
  return map {
    { "text", text(words) },
    { "$type", text("app.bsky.feed.post") },
    { "langs", list { text("en") } },
    { "createdAt", text("2025-11-09T14:22:19.000Z") },
  }
end

-- `operations` records of `record_bytes` each, in a message of about `size` bytes: what is left
-- is the tree that the blocks of a real commit carry besides.
local function frame(number, size, operations, record_bytes)
  local root, blocks, ops = cid(number * 1000), {}, {}
  for i = 1, operations do
    local name = cid(number * 1000 + i)
    blocks[i] = block(name, record(string.rep("lorem ipsum ", record_bytes // 12 + 1)))
    ops[i] = map {
      { "cid", link(name) },
      { "path", text("app.bsky.feed.post/3l" .. number .. "x" .. i) },
      { "action", text("create") },
    }
  end
  local records = table.concat(blocks)
  local tree = map { { "e", list {} }, { "l", bytes(string.rep("\xa5", math.max(0, size - #records - 600))) } }
  local roots = map { { "roots", list { link(root) } }, { "version", "\x01" } }
  local car = varint(#roots) .. roots .. block(root, tree) .. records
  local header = map { { "t", text("#commit") }, { "op", "\x01" } }
  local before = header .. head(5, 7) .. text("ops") .. list(ops) .. text("seq") .. "\x1b"
  local after = text("repo") .. text("did:plc:" .. string.rep("a", 20) .. number % 10)
    .. text("time") .. text("2025-11-09T14:22:19.000Z")
    .. text("blocks") .. bytes(car)
    .. text("commit") .. link(root)
    .. text("tooBig") .. "\xf4"
  return before, after
end

-- One label of com.atproto.label.subscribeLabels, halved in the same way.
local function label(number)
  local value = map {
    { "src", text("did:plc:labeler") },
    { "uri", text("at://did:plc:" .. string.rep("b", 20) .. "/app.bsky.feed.post/3l" .. number) },
    { "val", text("spam") },
    { "cts", text("2025-11-09T14:22:19.000Z") },
  }
  local header = map { { "t", text("#labels") }, { "op", "\x01" } }
  return header .. head(5, 2) .. text("seq") .. "\x1b", text("labels") .. list { value }
end

-- What a relay says when it will not go on.
local function problem(name, message)
  return map { { "op", "\x20" } } .. map { { "error", text(name) }, { "message", text(message) } }
end

return { frame = frame, label = label, problem = problem }
