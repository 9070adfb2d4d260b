"""Writes a file and prints, line by line: something to kill."""

import time

with open('/data/result.txt', 'w') as result:
    for number in range(60):
        line = f'{number} squared is {number * number}'
        print(line, flush=True)
        result.write(line + '\n')
        result.flush()
        time.sleep(0.05)
