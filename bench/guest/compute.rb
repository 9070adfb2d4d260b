# Blocks, objects, strings, hashes and integers.
rounds = ARGV[0].to_i

class Vector
  attr_reader :x, :y

  def initialize(x, y)
    @x = x
    @y = y
  end

  def +(other) = Vector.new(@x + other.x, @y + other.y)
end

def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)

rounds.times do |round|
  sum = (1..4000).map { |i| Vector.new(i, i * 0.5) }.inject { |a, b| a + b }
  words = (0...3000).map { |i| %w[ka to mi ra ne].rotate(i % 5).take(i % 3 + 1).join }
  counts = words.each_with_object(Hash.new(0)) { |word, all| all[word] += 1 }
  text = counts.sort_by { |word, count| [-count, word] }.map { |word, count| "#{word}=#{count}" }.join(',')
  puts "round #{round} #{fib(18)} #{sum.x} #{text.size} #{text.gsub(/k(.)/) { $1.upcase }.sum}"
  $stdout.flush
end
