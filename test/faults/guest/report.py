# Files written, appended, replaced and removed between lines of output. Usage: report.py FOLDER ROUNDS WORK
import hashlib
import json
import os
import sys

folder, rounds, work = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def at(name):
    return os.path.join(folder, name)


def digest(path):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


seed = b'seed'
log = open(at('log.txt'), 'w')
with open(at('random.bin'), 'w+b') as binary:
    for number in range(rounds):
        for _ in range(work):
            seed = hashlib.sha256(seed).digest()
        print(number, seed.hex()[:8], flush=True)
        log.write(f'{number} {seed.hex()}\n')
        log.flush()
        os.fsync(log.fileno())

        with open(at('state.json.new'), 'w') as file:
            json.dump({'number': number, 'seed': seed.hex()}, file)
        os.replace(at('state.json.new'), at('state.json'))
        with open(at('events.txt'), 'a') as events:
            events.write(f'event {number}\n')

        binary.seek(number % 16 * 32)
        binary.write(seed)
        binary.flush()
        if number % 5 == 4:
            # A file that has lost its name, and is still written to and read.
            with open(at('scratch'), 'w+') as scratch:
                os.unlink(at('scratch'))
                scratch.write(seed.hex())
                scratch.flush()
                scratch.seek(0)
                assert scratch.read() == seed.hex()
            print('events', digest(at('events.txt')), sorted(os.listdir(folder)), flush=True)
            os.remove(at('events.txt'))
            os.makedirs(at(f'old/{number}'), exist_ok=True)
            os.rename(at('state.json'), at(f'old/{number}/state.json'))
        if number % 8 == 7:
            binary.truncate(256)
            with open(at(f'block-{number}.bin'), 'xb') as block:
                block.write(seed * 2000)
log.close()
print('end', digest(at('log.txt')), digest(at('random.bin')))
sys.exit(5)
