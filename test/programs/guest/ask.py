# Reads standard input inside nested calls.
import sys


def answer(number, line):
    def shout(text):
        return text.upper()[::-1]
    return f'{number}: {shout(line)}'


def listen():
    for number, line in enumerate(sys.stdin, 1):
        yield answer(number, line.rstrip('\n'))


def main():
    print('ready', flush=True)
    for reply in listen():
        print(reply, flush=True)
    print('bye', flush=True)


main()
