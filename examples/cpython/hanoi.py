"""The Towers of Hanoi, told move by move from inside the recursion. Usage: hanoi.py [disks] [seconds between moves]"""
import sys
import time


class nested:
    """Knows how deep its function is inside itself. Each level is a C call of the interpreter, too."""

    def __init__(self, function):
        self.function = function
        self.depth = 0

    def __call__(self, *args):
        self.depth += 1
        try:
            return self.function(*args)
        finally:
            self.depth -= 1


class Towers:
    def __init__(self, disks, pause):
        self.pegs = {'A': list(range(disks, 0, -1)), 'B': [], 'C': []}
        self.moves = 0
        self.pause = pause

    def move(self, source, target):
        disk = self.pegs[source].pop()
        assert not self.pegs[target] or self.pegs[target][-1] > disk, 'a larger disk on a smaller one'
        self.pegs[target].append(disk)
        self.moves += 1
        pegs = '  '.join(f'{peg}:{"".join(map(str, disks)):<6}' for peg, disks in self.pegs.items())
        print(f'{self.moves:3}  {pegs} {solve.depth} calls deep, disk {disk} to {target}', flush=True)
        if self.pause:
            time.sleep(self.pause)


@nested
def solve(towers, disks, source, target, spare):
    if disks == 0:
        return 0
    before = solve(towers, disks - 1, source, spare, target)
    towers.move(source, target)
    return before + 1 + solve(towers, disks - 1, spare, target, source)


def main():
    disks = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    towers = Towers(disks, float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    moves = solve(towers, disks, 'A', 'C', 'B')
    print(f'{moves} moves, the least possible is {2 ** disks - 1}')


main()
