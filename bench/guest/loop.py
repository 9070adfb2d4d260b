import sys

# A loop at module level: the interpreter's own loop is entered once and never left.
total = 0
for i in range(int(sys.argv[1])):
    total = (total * 31 + i) % 1000003
print(total)
