# Work in equal portions, each followed by a look at the clock, which the benchmark counts.
import sys
import time

seconds = float(sys.argv[1])


def portion():
    total = 0
    for i in range(400):
        total += i * i % 7
    return total


def main():
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        portion()
    print('done')


main()
