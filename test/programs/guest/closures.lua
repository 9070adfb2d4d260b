-- Closures inside closures, C calling Lua calling C (sort, gsub), metatables, and a file written and read back.
local folder = arg[1] or '/data'

local function counter(step)
  local count = 0
  return function(times)
    local function once()
      count = count + step
      return count
    end
    local last
    for _ = 1, times do last = once() end
    return last
  end
end

local by3, by7 = counter(3), counter(7)
for i = 1, 5 do print('counters', i, by3(i), by7(i)) end

local words = {}
for word in ('the quick brown fox jumps over the lazy dog and runs away'):gmatch('%a+') do
  words[#words + 1] = word
end
local comparisons = 0
table.sort(words, function(a, b)
  comparisons = comparisons + 1
  if comparisons % 16 == 0 then print('comparing', comparisons) end
  if #a ~= #b then return #a < #b end
  return a < b
end)
print(table.concat(words, ' '))

local Vector = {}
Vector.__index = Vector
local function vector(x, y) return setmetatable({ x = x, y = y }, Vector) end
Vector.__add = function(a, b) return vector(a.x + b.x, a.y + b.y) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__tostring = function(v) return string.format('(%g, %g)', v.x, v.y) end
Vector.__index = function(v, key) return rawget(Vector, key) or ('no ' .. key) end
local sum = vector(0, 0)
for i = 1, 4 do
  sum = sum + vector(i, i * 0.25)
  print('sum', tostring(sum), sum.length)
end
print(sum == vector(10, 2.5), 7 // 2, 7 % -3, 1 << 40, 0x7fffffffffffffff + 1, 2 ^ 53)

local replaced = ('a1 b22 c333'):gsub('(%a)(%d+)', function(letter, digits)
  print('replacing', letter, digits)
  return letter:upper() .. #digits
end)
print(replaced, ('%q'):format('tab\there'), ('x'):rep(3, '-'), utf8.char(228, 8364))

local path = folder .. '/notes.txt'
local file = assert(io.open(path, 'w'))
for i = 1, 6 do
  file:write(('line %d of %s\n'):format(i, path))
  if i % 2 == 0 then file:flush() end
end
file:close()
local lines = 0
for line in io.lines(path) do
  lines = lines + 1
  io.write(lines, ': ', line:reverse(), '\n')
end
file = assert(io.open(path, 'a+'))
file:write('the last line\n')
file:seek('set', 5)
print(file:read(4), file:seek('end'))
file:close()
print(os.rename(path, folder .. '/kept.txt'), io.open(path))
