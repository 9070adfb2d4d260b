-- Errors and coroutines: every pcall and every resume is a wasm try, every error and yield a throw.
local function risky(depth)
  if depth == 0 then error({ code = 42 }) end
  local ok = risky(depth - 1)
  return ok
end

for depth = 0, 3 do
  local ok, err = pcall(risky, depth)
  print('pcall', depth, ok, err.code)
end
print(select(2, pcall(error, 'plain', 0)), (select(2, pcall(function() local x = nil; return x.field end))))

print(xpcall(function() error('deep') end, function(message)
  print('handler sees', message)
  return 'handled: ' .. message
end))

local function walk(tree)
  if not tree then return end
  walk(tree[1])
  coroutine.yield(tree[2])
  walk(tree[3])
end
local tree = { { nil, 1, { nil, 2, nil } }, 3, { { nil, 4, nil }, 5, nil } }
for value in coroutine.wrap(function() walk(tree) end) do print('walked', value) end

local producer = coroutine.create(function(a)
  for i = 1, 4 do
    local reply = coroutine.yield(a * i)
    print('  reply', reply)
    if reply == 'stop' then error('stopped at ' .. i, 0) end
  end
end)
print(coroutine.resume(producer, 10))
print(coroutine.resume(producer, 'more'))
print(coroutine.resume(producer, 'stop'))
print(coroutine.resume(producer), coroutine.status(producer))

-- An error inside a coroutine inside a pcall, with things to close on the way out.
local function closing(name)
  return setmetatable({}, { __close = function(_, err) print('closing', name, err) end })
end
print(pcall(function()
  local outer <close> = closing('outer')
  local inner = coroutine.wrap(function()
    local held <close> = closing('held')
    coroutine.yield(1)
    error('inside', 0)
  end)
  print('inner', inner())
  inner()
end))

local caught = 0
for i = 1, 40 do
  if not pcall(function() if i % 3 == 0 then error(i) end end) then caught = caught + 1 end
  if i % 10 == 0 then print('after', i, 'caught', caught) end
end
print(load('return 1 +'))
