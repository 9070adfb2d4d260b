-- Changes a table of some megabytes at random, and after each round prints what all of it adds up to: whoever goes on from a
-- wrong or mixed state prints something else. Nothing else is written.
-- Usage: table.lua CELLS ROUNDS CHANGES
local size, rounds, changes = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])
local cells, mixed = {}, 1
for i = 1, size do cells[i] = i end

for round = 1, rounds do
  for _ = 1, changes do
    mixed = (mixed * 1103515245 + 12345) % 2147483648
    cells[mixed % size + 1] = mixed ~ round
  end
  local sum = 0
  for i = 1, size do sum = (sum * 31 + cells[i]) % 4294967296 end
  io.write(round, ' ', sum, '\n')
  io.flush()
end
