-- A loop at the top of a script: the interpreter's own loop is entered once and never left.
local total = 0
for i = 1, tonumber(arg[1]) do
  total = (total * 31 + i) % 1000003
end
print(total)
