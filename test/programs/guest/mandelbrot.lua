-- A picture of the Mandelbrot set in letters: floating point in tight loops.
local width = tonumber(arg[1] or 60)
local height, limit, total = width // 3, 200, 0
local shades = ' .:-=+*#%@'
for row = 0, height - 1 do
  local line = {}
  for column = 0, width - 1 do
    local cr, ci = 3.0 * column / width - 2.2, 2.4 * row / height - 1.2
    local zr, zi, steps = 0.0, 0.0, 0
    while zr * zr + zi * zi < 4 and steps < limit do
      zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
      steps = steps + 1
    end
    total = total + steps
    local shade = steps == limit and 10 or steps % 9 + 1
    line[#line + 1] = shades:sub(shade, shade)
  end
  print(table.concat(line))
end
print('steps', total)
