-- Bookings in files, with the work of a program between them: every line is flushed as it is printed.
-- Usage: ledger.lua FOLDER ROUNDS WORK
local folder, rounds, amount = arg[1], tonumber(arg[2]), tonumber(arg[3])
local mixed = 1

local function work()
  for i = 1, amount do mixed = (mixed * 1103515245 + i) % 2147483648 end
end

local function say(...)
  io.write(table.concat({ ... }, ' '), '\n')
  io.flush()
end

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('a')
  file:close()
  return text
end

local book = assert(io.open(folder .. '/book.txt', 'w'))
local sums = {}
for round = 1, rounds do
  work()
  local account = 'account' .. round % 5
  sums[account] = (sums[account] or 0) + mixed % 1000
  book:write(round, ' ', account, ' ', mixed % 1000, '\n')
  book:flush()
  say(round, account, sums[account])

  -- The new balance replaces the old one in one step.
  local path = folder .. '/' .. account
  local file = assert(io.open(path .. '.new', 'wb'))
  file:write(('%d\n'):format(sums[account]):rep(round % 7 + 1))
  file:close()
  work()
  assert(os.rename(path .. '.new', path))
  assert(tonumber(read(path):match('%d+')) == sums[account])

  local journal = assert(io.open(folder .. '/journal.txt', 'a'))
  journal:write('round ', round, '\n')
  journal:close()
  if round % 6 == 0 then
    local lines = select(2, read(folder .. '/journal.txt'):gsub('\n', ''))
    say('journal', lines, 'book', book:seek('end'))
    assert(lines == 6)
    assert(os.remove(folder .. '/journal.txt'))
  end
  if round % 10 == 0 then
    -- Larger than what stands in the log itself.
    local large = assert(io.open(folder .. '/large.bin', 'wb'))
    large:write((('%08x'):format(mixed)):rep(5000))
    large:close()
    say('large', #read(folder .. '/large.bin'))
  end
end
book:close()
say('end', mixed)
os.exit(3)
