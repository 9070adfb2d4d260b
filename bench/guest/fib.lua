-- Calls and closures: Fibonacci by recursion, counters in closures, a table of functions.
local n, rounds = tonumber(arg[1] or 24), tonumber(arg[2] or 10)

local function fib(k)
  if k < 2 then return k end
  return fib(k - 1) + fib(k - 2)
end

local function counter(step)
  local count = 0
  return function()
    count = count + step
    return count
  end
end

local total = 0
for round = 1, rounds do
  total = total + fib(n)
  local counters = {}
  for i = 1, 50 do counters[i] = counter(i) end
  for _ = 1, 200 do
    for i = 1, #counters do total = total + counters[i]() % 7 end
  end
  if round % 5 == 0 then print('round', round, total) end
end
print('total', total)
