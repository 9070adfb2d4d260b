-- All ways to put n queens on a board, by recursion.
local n = tonumber(arg[1] or 7)
local count, tried = 0, 0

local function free(columns, row, column)
  for r = 1, row - 1 do
    local c = columns[r]
    if c == column or c - r == column - row or c + r == column + row then return false end
  end
  return true
end

local function place(columns, row)
  if row > n then
    count = count + 1
    if count % 10 == 1 then print(count, table.concat(columns, ' ')) end
    return
  end
  for column = 1, n do
    tried = tried + 1
    if free(columns, row, column) then
      columns[row] = column
      place(columns, row + 1)
      columns[row] = nil
    end
  end
end

place({}, 1)
print(n .. ' queens', count, tried)
