-- Answers each line of stdin with what came so far, and keeps a protocol. Usage: answer.lua FOLDER WORK
local folder, amount = arg[1], tonumber(arg[2])
local mixed, count = 1, 0
local protocol = assert(io.open(folder .. '/protocol.txt', 'w'))
io.write('ready\n')
io.flush()
for line in io.lines() do
  count = count + 1
  for i = 1, amount do mixed = (mixed * 1103515245 + i + #line) % 2147483648 end
  for i = 1, #line do mixed = (mixed * 31 + line:byte(i)) % 2147483648 end
  protocol:write(count, ': ', line, '\n')
  protocol:flush()
  io.write(count, ' ', mixed, ' ', line, '\n')
  io.flush()
end
protocol:close()
io.write('end ', count, ' ', mixed, '\n')
os.exit(4)
