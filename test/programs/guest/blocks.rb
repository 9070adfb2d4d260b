# Blocks, exceptions with ensure, fibers, method_missing, and a file that is written and read back.
folder = ARGV[0] || '/data'

def each_pair_sum(list)
  return to_enum(:each_pair_sum, list) unless block_given?
  list.each_cons(2) { |a, b| yield a + b }
end

puts each_pair_sum([1, 2, 3, 5, 8]).map { |sum| sum * 10 }.inspect

def risky(level)
  raise ArgumentError, "level #{level}" if level == 3
  risky(level + 1)
ensure
  puts "leaving #{level}"
end

begin
  risky(0)
rescue ArgumentError => error
  puts "rescued #{error.message}"
  tries = (tries || 0) + 1
  retry if tries < 2
end

found = catch(:found) do
  (1..9).each { |a| (1..9).each { |b| throw :found, [a, b] if a * b == 42 } }
end
p found

class Ghost
  def method_missing(name, *args) = "#{name}(#{args.join(', ')})"
  def respond_to_missing?(*) = true
end
puts Ghost.new.walk(1, :two, 'three')

squares = Enumerator.new do |out|
  n = 0
  loop { out << (n += 1)**2 }
end
p squares.lazy.select(&:even?).first(4)

path = File.join(folder, 'ruby.txt')
File.open(path, 'w') do |file|
  5.times do |i|
    file.puts "line #{i}"
    file.flush
  end
end
File.foreach(path).with_index { |line, i| puts "#{i}: #{line.chomp.reverse}" }
puts File.size(path)
words = %w[pear fig apple kiwi].sort_by { |word| [word.size, word] }
puts words.each_with_object(Hash.new(0)) { |word, counts| counts[word.size] += 1 }.inspect
puts words.inject { |a, b| a.size > b.size ? a : b }
printf("%05.2f %s\n", Math.sqrt(2), 2**100)
