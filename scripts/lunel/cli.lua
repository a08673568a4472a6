-- SPDX-License-Identifier: GPL-3.0-or-later
--- The command line: what is asked for, and the texts about it. Pure; lunel/launch.lua acts.
local capture_args = require "lunel.capture_args"
local suggest = require "lunel.suggest"

local M = {}

M.usage = [[
usage: lunel FILE [--OPTION ...]            run a profile, or a server's configuration
       lunel FILE.lua [ARGUMENT ...]        run a script
       lunel --config FILE [--OPTION ...]   the same as openvpn's command line
       lunel check FILE [--OPTION ...]      say what is wrong with it (check --help)
       lunel capture --to FILE FILE ...     run it and write its packets for Wireshark
       lunel reload [NAME]                  have one that runs read its file again
       lunel console [NAME] [--json]        speak Lua with one that runs
       lunel status [--json] FILE           ask who runs it how it is
       lunel test FILE_test.lua ...         run tests of scripts, in virtual time (test --help)
       lunel pki COMMAND ...                keys and certificates of one's own (pki --help)
       lunel version [--features]           what this build is and can do
       lunel help                           this text

       lunel --log-format json ...          the log as lines of JSON
]]

M.help = M.usage .. [[

A profile's directives are OpenVPN's; each can be given on the command line with
two dashes in front. Relative paths are relative to the working directory unless
--cd says otherwise. A script is Lua: see scripts/README.md.

--verb 0 to 11 says how much is logged (0 errors, 1 to 3 what happens, 4 and 5
details, 6 and more each control packet).

`reload` and `console` take the NAME of a script that runs (server for
server.lua), the path of its control socket, or nothing when only one runs.

Signals: SIGTERM and SIGINT end it, saying goodbye (a client to its server, over
UDP where explicit-exit-notify says so); SIGHUP reads the file again: a profile's
tunnel reconnects, a script's stay up; SIGUSR1 reconnects; SIGUSR2 logs counters.

Exit status: 0 ended as asked, 1 failed, 2 bad usage or configuration.
]]

-- Commands of DESIGN section 7; only what exists is one.
local COMMANDS = { check = true, capture = true, test = true, reload = true, console = true,
                   status = true, pki = true, version = true, help = true }
local NAMES = { "check", "capture", "test", "reload", "console", "status", "pki", "version",
                "help" }
-- Those that have no other help than this file's.
local PLAIN_HELP = { check = true, reload = true, console = true, status = true, version = true }
local ALIASES = { ["--help"] = "help", ["-h"] = "help", ["--version"] = "version",
                  ["-v"] = "version" }

--- What `lunel check --help` prints.
M.check_help = [[
usage: lunel check FILE [--OPTION ...]        a profile, or a server's configuration
       lunel check FILE.lua [ARGUMENT ...]    a script, or a packet lane

Says what is wrong with it, every problem with file and line, and does nothing
else: it can run beside the server that it is about. Keys and certificates are
read, too; a file that is not there is a warning.

It looks at one file. What stands behind a script are the script's arguments, as
when it runs. Another .lua file among them is refused, since nothing would check
it, unless -- stands in front of the arguments.

Exit status: 0 nothing is wrong, 2 something is, or wrong usage.
]]

local FORMATS = { text = true, json = true }

-- What stands in front of a file and is about the log: the arguments behind it, and the format; or
-- nil and what is wrong.
local function log_format(args)
  local format
  local from = 1
  while args[from] == "--log-format" do
    format = args[from + 1]
    if not FORMATS[format] then
      return nil, ("--log-format takes text or json, not '%s'%s"):format(tostring(format or ""),
        suggest.hint(tostring(format), { "text", "json" }))
    end
    from = from + 2
  end
  return from > 1 and { unpack(args, from) } or args, format
end

local function rest(args, from)
  local out = {}
  for i = from, #args do out[#out + 1] = args[i] end
  return out
end

-- `reload [NAME]`, `console [NAME] [--json]`.
local function attached(command, args)
  local what = { command = command }
  for i = 2, #args do
    if args[i] == "--json" and command == "console" then what.json = true
    elseif args[i]:find("^%-") then
      return nil, ("%s knows %s, not '%s'"):format(command,
        command == "console" and "--json" or "no options", args[i])
    elseif what.name then return nil, ("%s takes one name, not '%s', too"):format(command, args[i])
    else what.name = args[i] end
  end
  return what
end

-- What check would call a script's arguments, and its user perhaps files to be checked: an error.
local function check_arguments(what)
  if what.kind ~= "script" then return what end
  if what.args[1] == "--" then
    table.remove(what.args, 1)
    return what
  end
  for _, word in ipairs(what.args) do
    if word:find "%.lua$" then
      return nil, ("check looks at one file, %s, and would pass %s to it as an argument: check "
        .. "that by itself, `lunel check %s`; or put -- in front of the arguments if it is one")
        :format(what.file, word, word)
    end
  end
  return what
end

-- What to run, from args[from] on.
local function target(args, from)
  local first = args[from]
  if not first then return nil, "a file is missing" end
  if first:find("^%-%-") then return { kind = "args", args = rest(args, from) } end
  if first:find("^%-") then
    return nil, ("unknown option '%s'; options begin with --"):format(first)
  end
  if first:find("%.lua$") then
    return { kind = "script", file = first, args = rest(args, from + 1) }
  end
  if #args == from then return { kind = "profile", file = first } end
  if not args[from + 1]:find("^%-%-") then
    return nil, ("'%s' after the file: options begin with --"):format(args[from + 1])
  end
  local list = rest(args, from + 1)
  table.insert(list, 1, first)
  table.insert(list, 1, "--config")
  return { kind = "args", args = list, file = first }
end

--- What |args| ask for: { command = "run" or one of the commands, kind, file, args, features }; or
-- nil and what is wrong. |exists|(path) tells whether there is such a file: one named like a
-- command wins over a mistyped command, not over a command.
function M.parse(args, exists)
  local left, format = log_format(args)
  if not left then return nil, format end
  local what, err = M.command(left, exists)
  if what then what.log_format = format end
  return what, err
end

--- The same without what is about the log.
function M.command(args, exists)
  local first = args[1]
  if not first then return nil, "a file is missing" end
  local command = ALIASES[first] or first
  if command == "help" then return { command = "help" } end
  if (args[2] == "--help" or args[2] == "-h") and PLAIN_HELP[command] then
    return { command = "help", text = command == "check" and M.check_help or nil }
  end
  if command == "pki" then return { command = "pki", args = rest(args, 2) } end
  if command == "reload" or command == "console" then return attached(command, args) end
  if command == "test" then return { command = "test", args = rest(args, 2) } end
  if command == "version" then
    local what = { command = "version" }
    for i = 2, #args do
      if args[i] ~= "--features" then
        return nil, ("version knows --features, not '%s'"):format(args[i])
      end
      what.features = true
    end
    return what
  end
  local from = COMMANDS[command] and 2 or 1
  local capture
  if command == "capture" then
    local next_one
    capture, next_one = capture_args.parse(args, 2)
    if not capture and not next_one then return { command = "help", text = capture_args.help } end
    if not capture then return nil, next_one end
    from = next_one
  end
  local json = command == "status" and args[2] == "--json"
  if json then from = 3 end
  if from == 1 and not first:find("[./]") and not first:find("^%-") and not exists(first) then
    return nil, ("there is no command and no file '%s'%s"):format(first,
      suggest.hint(first, NAMES))
  end
  local what, err = target(args, from)
  if not what then return nil, err end
  if command == "check" then
    what, err = check_arguments(what)
    if not what then return nil, err end
  end
  what.command = (command == "check" or command == "status") and command or "run"
  what.capture, what.json = capture, json or nil
  return what
end

-- What the kernel does with many packets at once.
local function offload(build)
  local names = {}
  if build.tun_vnet then names[#names + 1] = "segments at TUN" end
  if build.udp_segment then names[#names + 1] = "UDP_SEGMENT" end
  if build.udp_gro then names[#names + 1] = "UDP_GRO" end
  return #names > 0 and table.concat(names, ", ") or "none, or not ours to ask"
end

--- The lines of `lunel version`; |build| is core.build(), |ciphers| core.ciphers().
function M.version(build, ciphers, features)
  local lines = {
    "lunel " .. build.version,
    ("wolfSSL %s (%s), %s, libev %s, c-ares %s"):format(build.wolfssl,
      build.assembly and "with assembly" or "without assembly: about 25 times slower",
      build.luajit, build.libev, build.cares),
  }
  if features then
    lines[#lines + 1] = "roles: client, server"
    lines[#lines + 1] = "transports: udp, udp4, udp6, tcp, tcp4, tcp6"
    lines[#lines + 1] = "control channel: none, tls-auth, tls-crypt, tls-crypt-v2, dyn-tls-crypt"
    lines[#lines + 1] = "data ciphers: " .. ciphers
    lines[#lines + 1] = "assembly: " .. (build.assembly and "yes" or "no")
    lines[#lines + 1] = "kernel offload: " .. offload(build)
  end
  return lines
end

return M
