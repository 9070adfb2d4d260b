# Files written, appended, renamed and deleted between lines of output. Usage: shelf.rb FOLDER ROUNDS WORK
folder, rounds, work = ARGV[0], ARGV[1].to_i, ARGV[2].to_i
$stdout.sync = true
mixed = 1
index = File.open("#{folder}/index.txt", 'w')
index.sync = true
rounds.times do |round|
  work.times { |i| mixed = (mixed * 1_103_515_245 + i) % 2_147_483_648 }
  puts "#{round} #{mixed}"
  index.write("#{round}: #{mixed}\n")
  File.write("#{folder}/book.new", "book #{round}\n" * (round % 4 + 1))
  File.rename("#{folder}/book.new", "#{folder}/book-#{round % 3}")
  File.open("#{folder}/visits.txt", 'a') { |file| file.write("visit #{round}\n") }
  work.times { |i| mixed = (mixed * 69_069 + i) % 2_147_483_648 }
  if round % 4 == 3
    lines = File.readlines("#{folder}/visits.txt").size
    puts "visits #{lines}"
    raise 'visits were lost or doubled' unless lines == 4
    File.delete("#{folder}/visits.txt")
  end
end
index.close
puts "end #{mixed} #{File.size("#{folder}/index.txt")}"
exit 6
