# Recursion, generators, comprehensions and integers.
import sys

size, rounds = int(sys.argv[1]), int(sys.argv[2])


def place(row, columns, up, down):
    if row == size:
        yield ()
        return
    for column in range(size):
        if column in columns or row + column in up or row - column in down:
            continue
        for rest in place(row + 1, columns | {column}, up | {row + column}, down | {row - column}):
            yield (column, *rest)


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


for each in range(rounds):
    found = sum(sum(columns) for columns in place(0, frozenset(), frozenset(), frozenset()))
    print('round', each, found, max(map(collatz, range(1, 1500))), flush=True)
