-- Strings and tables: word counts of a generated text, sorted; much allocation, so the collector runs.
local rounds = tonumber(arg[1] or 20)
local seed = 12345
local function random(limit)
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return seed % limit + 1
end
local syllables = { 'ka', 'to', 'mi', 'ra', 'ne', 'so', 'lu', 've' }
local counts = {}
for round = 1, rounds do
  local text = {}
  for i = 1, 400 do
    local word = {}
    for s = 1, random(3) do word[s] = syllables[random(#syllables)] end
    text[i] = table.concat(word)
  end
  for word in table.concat(text, ' '):gmatch('%a+') do counts[word] = (counts[word] or 0) + 1 end
  if round % 5 == 0 then print('round', round, collectgarbage('count') > 0) end
end
local words = {}
for word in pairs(counts) do words[#words + 1] = word end
table.sort(words, function(a, b) return counts[a] > counts[b] or (counts[a] == counts[b] and a < b) end)
for i = 1, 10 do print(words[i], counts[words[i]]) end
print(#words, 'words')
