-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- A packet lane on the wire: prototype of an obfuscated transport. Random 1..15 byte pad in front,
-- then everything XORed with a shared key. Both ends load it:
--
--   transport = { file = "xor.lua", args = { key = "..." } }
--
-- This hides nothing from a determined observer; it is a wire experiment.
local pkt  = require "lunel.pkt"
local args = ...
local key  = pkt.key(args.key)

return {
  on_error = "drop",
  overhead = 15,                            -- the engine lowers its MSS and MTU by this much

  wire_out = function(b)                    -- complete datagrams, just before sendmmsg
    for i = 0, b.n - 1 do
      local p = b.p[i]
      local pad = pkt.random(1, 15)
      p:prepend(pad)                        -- uses headroom, filled with random bytes
      p:set_u8(0, pad)
      p:xor(key)                            -- C leaf function through FFI
    end
  end,

  wire_in = function(b)                     -- just after recvmmsg, before the opcode is read
    for i = 0, b.n - 1 do
      local p = b.p[i]
      p:xor(key)
      local pad = p:u8(0)
      if pad < 1 or pad > 15 or pad >= p.len then p.verdict = pkt.DROP
      else p:trim_front(pad) end
    end
  end,
}
