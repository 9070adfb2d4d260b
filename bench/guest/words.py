# Strings, dictionaries, objects, sorting, json and floating point.
import json
import sys

rounds = int(sys.argv[1])


class Body:
    __slots__ = ('x', 'v', 'mass')

    def __init__(self, x, v, mass):
        self.x, self.v, self.mass = x, v, mass


def attract(bodies, steps, dt=0.001):
    for _ in range(steps):
        for a in bodies:
            for b in bodies:
                if a is not b:
                    d = b.x - a.x
                    a.v += b.mass * d / (abs(d) ** 3 + 0.01) * dt
        for body in bodies:
            body.x += body.v * dt
    return sum(body.mass * body.v * body.v for body in bodies)


def words(seed, count):
    syllables = ('ka', 'to', 'mi', 'ra', 'ne', 'so', 'lu', 've')
    for _ in range(count):
        word = ''
        for _ in range(seed % 3 + 1):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            word += syllables[seed >> 8 & 7]
        yield word


for each in range(rounds):
    counts = {}
    for word in words(each + 1, 6000):
        counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    again = json.loads(json.dumps({'ranked': ranked, 'text': ' '.join(counts)}))
    energy = attract([Body(i * 1.5, 0.1 * i, 1 + i / 3) for i in range(5)], 400)
    print('round', each, again['ranked'][0], len(again['text']), f'{energy:.9f}', flush=True)
