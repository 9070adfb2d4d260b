# A program that has imported what programs import, at its prompt.
import collections
import dataclasses
import json
import re
import sys


def answer(line):
    return json.dumps({'upper': line.upper(), 'words': len(re.findall(r'\w+', line))})


def main():
    print('ready', flush=True)
    for line in sys.stdin:
        print(answer(line), flush=True)


main()
