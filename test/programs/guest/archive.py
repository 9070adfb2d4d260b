# Files written in many ways, with some held open meanwhile: sub-folders, renames, removals, appends, symlinks. After
# the last change some calls follow that change nothing.
import json
import os
import shutil
import sys

folder = sys.argv[1]


def at(*names):
    return os.path.join(folder, *names)


given = open(at('given.txt'))
for name, text in (('old.txt', 'old'), ('changed.txt', '0123456789'), ('stays/deep/file.txt', 'stays')):
    if not os.path.exists(at(name)):
        if '/' in name:
            os.makedirs(at(os.path.dirname(name)))
        with open(at(name), 'w') as file:
            file.write(text)
journal = open(at('journal.log'), 'a')
for step in range(6):
    os.makedirs(at('out', f'step-{step}'), exist_ok=True)
    for number in range(4):
        with open(at('out', f'step-{step}', f'{number}.json'), 'w') as out:
            json.dump({'step': step, 'number': number, 'squares': [i * i for i in range(step * 9)]}, out)
    journal.write(f'step {step}: {given.readline()}')
    journal.flush()
    with open(at('best.tmp'), 'w') as out:
        out.write('x' * step)
    os.replace(at('best.tmp'), at('best.txt'))
    if step == 2:
        shutil.rmtree(at('out', 'step-0'))
        os.rename(at('out', 'step-1'), at('out', 'one'))
    if step == 3:
        os.symlink('best.txt', at('link'))
        os.remove(at('old.txt'))
        os.rename(at('stays'), at('moved'))
    if step == 4:
        with open(at('changed.txt'), 'r+b') as file:
            file.seek(3)
            file.write(b'XYZ')
journal.close()
total = 0
for name in sorted(os.listdir(at('out'))):
    total += sum(os.path.getsize(at('out', name, each)) for each in os.listdir(at('out', name)))
for _ in range(60):
    total += os.path.getsize(at('best.txt'))
print('total', total, sorted(os.listdir(folder)), given.read())
