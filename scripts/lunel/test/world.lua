-- SPDX-License-Identifier: GPL-3.0-or-later
--- The world of one test case: its hosts, each an engine and a policy VM, the time that passes for
-- all of them, and the services that the test answers.
local keys = require "lunel.test.keys"
local services = require "lunel.test.services"

local M = {}

-- A Monday, at noon.
M.START = { year = 2026, month = 1, day = 5, hour = 12 }

local ROUNDS = 20000 -- of everybody's turns without time passing
local TURNS = 2      -- of a host that has nothing to do any more
local LOG = 5000     -- records that are kept of a host
local HOSTS = 1023   -- that the simulator has

local World = {}
World.__index = World

--- The error that ends a case; |place| ("file:line") of a script that it is about, or nil.
function M.failure(text, place)
  return setmetatable({ text = text, place = place }, { __tostring = function(f)
    return f.place and f.place .. ": " .. f.text or f.text
  end })
end

local function fail(text, ...) error(M.failure(text:format(...)), 0) end
M.fail = fail

--- A new one over |core| (lunel.sim). |o|: folder (of the test's file), scripts (lunel's folder).
function M.new(core, o)
  core.sim.reset(os.time(M.START))
  return setmetatable({ core = core, sim = core.sim, folder = o.folder, scripts = o.scripts,
                        hosts = {}, notes = {}, names = {}, n_names = 0, made = {}, lanes = {},
                        errors = {} },
    World)
end

function World:now() return self.sim.now() end

--- |text| with what a script is called in place of the file that was made of it.
function World:rename(text)
  for path, name in pairs(self.made) do
    text = text:gsub(path:gsub("%p", "%%%0"), (name:gsub("%%", "%%%%")))
  end
  return text
end

-- ---- hosts ----

local Host = {}
Host.__index = Host

local function address_of(id) return ("100.%d.%d.1"):format(64 + math.floor(id / 256), id % 256) end

local function path_in(folder, file)
  if file:find "^/" then return file end
  return folder == "." and file or folder .. "/" .. file
end

-- |source| is a file's path, or a script's text when it has more than one line.
local function spec_of(world, source, args)
  if source:find("\n", 1, true) then
    local path = os.tmpname()
    os.remove(path)
    path = path .. ".lua"
    local f = assert(io.open(path, "w"))
    f:write(source)
    f:close()
    return { kind = "script", file = path, args = args, made = true }
  end
  local path = path_in(world.folder, source)
  local kind = path:find "%.lua$" and "script" or "profile"
  return { kind = kind, file = path, args = args or {} }
end

--- A host with |source| loaded and prepared; raises all its errors. |o|: name, role, cn, san, args,
-- files, services, at (its address).
function World:add(source, o)
  local id = #self.hosts + 1
  if id > HOSTS then fail("a case has at most %d hosts", HOSTS) end
  local h = setmetatable({ world = self, id = id, name = o.name or source, log = {}, turns = 0,
                           at = o.at or address_of(id), services = o.services or {} }, Host)
  h.core_host = self.core.host { level = o.level or "info" }
  local vm, err = h.core_host:policy { scripts = self.scripts }
  if not vm then fail("%s", err) end
  h.vm = vm
  self.sim.equip(vm)
  self.sim.enter(id, h.at)
  local spec = spec_of(self, source, o.args)
  if spec.made then self.made[spec.file] = h.name end
  spec.test = { keys = keys.of(self.core, o.role, o.cn, o.san), files = o.files }
  local called, plan, errors = vm:call("load", spec)
  if spec.made then os.remove(spec.file) end
  local problems = not called and { plan } or errors
  if called and plan then
    h.plan = plan
    local ok, ready
    ok, ready, problems = vm:call("prepare", {})
    if not ok then problems = { ready } elseif ready then problems = nil end
  end
  if problems then
    h.core_host:close()
    vm:close()
    fail("%s does not load:\n%s", h.name, table.concat(problems, "\n"))
  end
  self.hosts[id] = h
  local led = {}
  for _, name in ipairs(h:ask "services") do led[name] = true end
  for name in pairs(h.services) do
    local service = services.list[name]
    if service and service.lead and not led[name] then
      fail("%s: this build has no %s", h.name, service.call)
    end
  end
  return h
end

--- The lane in |file|; it ends with the world.
function World:lane(file, args, o)
  local text = file:find("\n", 1, true) and file or nil
  local lane, err = self.core.lane_open {
    scripts = self.scripts, text = text, args = args, jit = o.jit,
    file = text and "the lane" or path_in(self.folder, file),
  }
  if not lane then fail("%s", err) end
  self.lanes[#self.lanes + 1] = lane
  return lane
end

function Host:call(name, ...)
  self.turns = TURNS
  self.world.sim.enter(self.id, self.at)
  local ok, a, b = self.vm:call(name, ...)
  if not ok then fail("%s: %s", self.name, a) end
  return a, b
end

--- Asks the test's part of the policy VM.
function Host:ask(what, ...) return self:call("test", what, ...) end

function Host:look(i) return self:ask("look", i or 1) end

--- Makes the engine and opens what the script declares.
function Host:start()
  if self.started then fail("%s is started already", self.name) end
  self.started = true
  self.world.sim.enter(self.id, self.at)
  self.core_host:attach(self.vm)
  local ok, err = self.core_host:start { level = self.level or "info", stay_root = true }
  if not ok then fail("%s: %s", self.name, err) end
  local opened, errors = self:call("open")
  if not opened then fail("%s: %s", self.name, table.concat(errors, "\n")) end
  self.world:settle()
end

-- What fails a case that does not ask about it: most hooks decide nothing, and a case would pass
-- though they did nothing at all.
local ERRORS = {
  ["script.error"] = function(f, name)
    return ("%s (%s of %s). A script's error"):format(f.error, f.what, name)
  end,
  ["lane.error"] = function(f, name)
    local text = f.error:match "^(.-)%?+stack traceback:" or f.error -- in a record no line ends
    return ("%s (a lane of %s). A lane's error"):format(text, name)
  end,
}

function Host:records()
  repeat
    local list = self.core_host:records()
    for _, r in ipairs(list) do
      if #self.log == LOG then table.remove(self.log, 1) end
      self.log[#self.log + 1] = r
      if ERRORS[r.sub .. "." .. r.event] then table.insert(self.world.errors, { r, self }) end
      if self.world.on_record then self.world.on_record(self, r) end
    end
  until #list == 0
end

-- ---- services ----

local later, never = {}, {}
M.never = never

--- What a service returns to answer after |seconds|.
function M.later(seconds, ...)
  return setmetatable({ seconds = seconds, n = select("#", ...), ... }, later)
end

function World:after(seconds, fn)
  self.notes[#self.notes + 1] = fn
  self.sim.note(self.sim.now() + seconds, #self.notes)
end

local function answer(h, r, n, ...)
  local service, first = services.list[r.name], ...
  local list = { n = n, ... }
  if service.fill and type(first) == "table" then list[1] = service.fill(first) end
  h:ask("answer", r.id, list)
  h.world.sim.unpark(r.id)
end

local function give(h, r, n, ...)
  local service, first = services.list[r.name], ...
  if first == never then
    if not service.timeout then return end
    local list = { n = select("#", service.timeout(r.args)), service.timeout(r.args) }
    if not list[1] then return end
    local seconds = list[1]
    h.world:after(seconds, function() answer(h, r, list.n - 1, unpack(list, 2, list.n)) end)
  elseif getmetatable(first) == later then
    h.world:after(first.seconds, function() answer(h, r, first.n, unpack(first, 1, first.n)) end)
  elseif service.delay and type(first) == "number" then
    local list = { n = n, ... }
    h.world:after(service.delay(first), function() answer(h, r, n, unpack(list, 1, n)) end)
  else
    answer(h, r, n, ...)
  end
end

local function count(...) return select("#", ...), ... end

local function serve(h, r)
  local service, fn = services.list[r.name], h.services[r.name]
  if fn == nil then
    error(M.failure(("%s called %s, which the test does not answer; give it `%s = function(...)`")
      :format(h.name, services.title(r), r.name), r.where), 0)
  end
  if type(fn) ~= "function" then return give(h, r, 1, fn) end
  return give(h, r, count(fn(service.of(r.args))))
end

-- ---- names ----

-- A documentation address for each name, in the family that is asked for.
function World:address(name, family)
  if name:find "^[%d.]+$" or name:find ":" then return name end
  local n = self.names[name]
  if not n then
    self.n_names = self.n_names + 1
    n = self.n_names
    self.names[name] = n
  end
  return family == 6 and ("2001:db8:1::%x"):format(n) or ("198.51.100.%d"):format(n)
end

local function remote_of(h, q)
  for _, remote in ipairs((h:look() or {}).remotes or {}) do
    if remote.host == q.name and remote.port == q.port then return remote end
  end
  return { host = q.name, port = q.port }
end

local function look_up(world, q)
  local h = world.hosts[q.asker]
  local reaches, found = h.services.reach, true
  if reaches ~= nil then
    found = type(reaches) ~= "function" and reaches or
      type(reaches) == "function" and reaches(remote_of(h, q))
  end
  local address = h.target or world:address(q.name, q.family)
  if not found then
    address = ("198.18.%d.%d"):format(math.floor(q.id / 256) % 256, q.id % 256)
    world.sim.gone(address, true)
  end
  world.sim.found(q.id, address)
end

-- ---- time ----

local function turn(world, h)
  if h.over or not h.started then return end
  world.sim.enter(h.id, h.at)
  local alive = h.core_host:turn()
  h:records()
  local parks = world.sim.parks()
  if parks ~= h.parks then
    h.parks = parks
    for _, r in ipairs(h:ask "requests") do serve(h, r) end
  end
  if not alive then h.over = true end
end

--- Everybody does what can be done without time passing.
function World:settle()
  for _ = 1, ROUNDS do
    local worked = self.sim.work()
    for _, id in ipairs(self.sim.hosts()) do
      if self.hosts[id] then self.hosts[id].turns = TURNS end
    end
    local turned = false
    for _, h in ipairs(self.hosts) do
      if h.turns > 0 then
        h.turns = h.turns - 1
        turn(self, h)
        turned = true
      end
    end
    for q in self.sim.lookup do look_up(self, q) end
    local what, note = self.sim.step(self.sim.now())
    if what == "note" then self.notes[note]() end
    if not (worked or turned or what ~= "nothing" or self.sim.busy()) then return end
  end
  fail("at %g s something goes round and round without time passing; waiting: %s", self:now(),
    self:waiting())
end

--- What tasks wait for, of all hosts, as text.
function World:waiting()
  local out = {}
  for _, h in ipairs(self.hosts) do
    local list = h.started and h:ask "waiting" or {}
    if #list > 0 then out[#out + 1] = h.name .. ": " .. table.concat(list, ", ") end
  end
  return #out > 0 and table.concat(out, "; ") or "nothing"
end

-- Until |target|, or until done() says so; whether it did.
function World:run(target, done)
  if self.running then fail("time passes already: a service cannot make it pass") end
  self.running = true -- an error ends the case, and the world with it
  self:settle()
  local is_done, what, note = done and done()
  while not is_done and what ~= "nothing" do
    what, note = self.sim.step(target)
    if what == "note" then self.notes[note]() end
    self:settle()
    is_done = done and done()
  end
  self.running = false
  return is_done
end

--- Lets |seconds| pass.
function World:advance(seconds) self:run(self:now() + seconds) end

--- Until fn() is true, for at most |seconds|; else fails saying |what| was waited for.
function World:wait(fn, seconds, what)
  if self:run(self:now() + seconds, fn) or fn() then return end
  fail("%s: not so after %g s; what is waited for: %s", what, seconds, self:waiting())
end

--- The first error of a script that the case has not asked about, as text; or nil. What x:log gave
-- by a pattern is `asked`.
function World:unasked()
  for _, h in ipairs(self.hosts) do
    if h.started and not h.over then h:records() end
  end
  local first, more = nil, 0
  for _, e in ipairs(self.errors) do
    if not e[1].asked then
      if first then more = more + 1 else first = e end
    end
  end
  if not first then return nil end
  local event = first[1].sub .. "." .. first[1].event
  return ("%s fails a case that does not ask about it: x:log \"^%s$\"%s"):format(
    ERRORS[event](first[1].fields, first[2].name), (event:gsub("%.", "%%.")),
    more > 0 and ("; %d more"):format(more) or "")
end

--- Ends it: every host's engine and policy VM.
function World:close()
  for _, h in ipairs(self.hosts) do
    h.core_host:close()
    h.vm:close()
  end
  for _, lane in ipairs(self.lanes) do lane:close() end
  self.hosts, self.lanes = {}, {}
end

return M
