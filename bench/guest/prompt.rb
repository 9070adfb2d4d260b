# A program that has loaded what programs load, at its prompt.
require 'set'

def answer(line) = "#{line.upcase}: #{line.scan(/\w+/).to_set.size}"

def main
  puts 'ready'
  $stdout.flush
  while (line = $stdin.gets)
    puts answer(line.chomp)
  end
end

main
