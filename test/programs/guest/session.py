# Nested calls, generators, exceptions, classes, json, and files that are written and read back.
import json
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

folder = sys.argv[1] if len(sys.argv) > 1 else '/data'


@dataclass(order=True)
class Node:
    weight: int
    name: str
    children: list = field(default_factory=list)

    def walk(self, depth=0):
        yield depth, self
        for child in sorted(self.children):
            yield from child.walk(depth + 1)


def grow(name, depth):
    node = Node(sum(map(ord, name)) % 97, name)
    if depth:
        node.children = [grow(f'{name}{letter}', depth - 1) for letter in 'ba']
    return node


def hanoi(n, source, target, spare, moves):
    if n == 0:
        return
    hanoi(n - 1, source, spare, target, moves)
    moves.append((source, target))
    if len(moves) % 5 == 0:
        print(f'{len(moves)} moves, disk {n}', flush=True)
    hanoi(n - 1, spare, target, source, moves)


@lru_cache(maxsize=None)
def partitions(n, largest):
    if n == 0:
        return 1
    return sum(partitions(n - k, k) for k in range(1, min(n, largest) + 1))


def risky(level):
    with open(os.path.join(folder, f'level-{level}.json'), 'w') as out:
        json.dump({'level': level, 'squares': [i * i for i in range(level)]}, out)
    try:
        if level == 4:
            raise ValueError(f'level {level} is deep enough')
        return risky(level + 1)
    finally:
        print('leaving level', level, flush=True)


def main():
    for depth, node in grow('t', 2).walk():
        print('  ' * depth + f'{node.name} {node.weight}')
    moves = []
    hanoi(4, 'A', 'C', 'B', moves)
    print(''.join(a + b for a, b in moves))
    print([partitions(n, n) for n in (5, 8, 11)])
    try:
        risky(1)
    except ValueError as error:
        print('caught:', error, '|', error.__traceback__.tb_next is not None)
    total = 0
    for name in sorted(os.listdir(folder)):
        if name.endswith('.json'):
            with open(os.path.join(folder, name)) as file:
                total += sum(json.load(file)['squares'])
    print('squares', total)
    text = 'To be, or not to be: that is the question'
    print(Counter(re.findall(r'\w+', text.lower())).most_common(2))
    os.rename(os.path.join(folder, 'level-1.json'), os.path.join(folder, 'first.json'))
    print(sorted(os.listdir(folder)), 2 ** 200, 0.1 + 0.2)


main()
