// The game 2048. Keys w a s d or the arrows move, n begins anew, q ends. Other keys are passed over, so that it can be
// played line by line as well, where a terminal gives whole lines only.
const size = 4
const up = 0
const right = 1
const down = 2
const left = 3
const none = -1

/** Colours of 2, 4, 8, ... as 256-colour numbers: background. */
const tints: StaticArray<i32> = [253, 223, 215, 209, 203, 197, 221, 220, 214, 178, 172, 136]

class Game {
  cells: StaticArray<i32> = new StaticArray<i32>(size * size)
  score: i32 = 0
  best: i32 = 0
  moves: i32 = 0

  begin(): void {
    for (let i = 0; i < size * size; i++) this.cells[i] = 0
    this.score = 0
    this.moves = 0
    this.add()
    this.add()
  }

  /** Puts a 2, or now and then a 4, in a free cell. */
  add(): void {
    let free = 0
    for (let i = 0; i < size * size; i++) if (this.cells[i] == 0) free++
    if (free == 0) return
    let chosen = i32(Math.floor(Math.random() * f64(free)))
    for (let i = 0; i < size * size; i++) {
      if (this.cells[i] != 0) continue
      if (chosen-- > 0) continue
      this.cells[i] = Math.random() < 0.9 ? 1 : 2
      return
    }
  }

  /** The `k`-th cell of a line, counted from where the tiles are pushed to. */
  @inline
  index(direction: i32, line: i32, k: i32): i32 {
    if (direction == up) return k * size + line
    if (direction == down) return (size - 1 - k) * size + line
    if (direction == left) return line * size + k
    return line * size + (size - 1 - k)
  }

  /** Whether anything moved. */
  push(direction: i32): bool {
    let moved = false
    for (let line = 0; line < size; line++) {
      let to = 0
      let merged = -1
      for (let k = 0; k < size; k++) {
        const from = this.index(direction, line, k)
        const value = this.cells[from]
        if (value == 0) continue
        this.cells[from] = 0
        const before = to > 0 ? this.index(direction, line, to - 1) : -1
        if (before >= 0 && this.cells[before] == value && merged != to - 1) {
          this.cells[before] = value + 1
          this.score += 1 << (value + 1)
          merged = to - 1
          moved = true
        } else {
          const target = this.index(direction, line, to)
          this.cells[target] = value
          if (target != from) moved = true
          to++
        }
      }
    }
    if (this.score > this.best) this.best = this.score
    return moved
  }

  isOver(): bool {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const value = this.cells[y * size + x]
        if (value == 0) return false
        if (x + 1 < size && this.cells[y * size + x + 1] == value) return false
        if (y + 1 < size && this.cells[(y + 1) * size + x] == value) return false
      }
    }
    return true
  }
}

function padded(text: string, width: i32): string {
  const before = (width - text.length) / 2
  return ' '.repeat(before) + text + ' '.repeat(width - text.length - before)
}

function tile(value: i32, text: string): string {
  if (value == 0) return '\x1b[2m' + (text.length > 0 ? padded(text, 8) : '        ') + '\x1b[0m'
  const tint = tints[min(value - 1, tints.length - 1)]
  return '\x1b[48;5;' + tint.toString() + ';38;5;233;1m' + padded(text, 8) + '\x1b[0m'
}

function draw(game: Game, note: string): void {
  let text = '\x1b[H\x1b[J\r\n  \x1b[1m2048\x1b[0m   score ' + game.score.toString() + '   best ' + game.best.toString() + '\r\n\r\n'
  for (let y = 0; y < size; y++) {
    for (let row = 0; row < 3; row++) {
      text += '  '
      for (let x = 0; x < size; x++) {
        const value = game.cells[y * size + x]
        text += tile(value, row != 1 ? '' : value > 0 ? (1 << value).toString() : '.') + '  '
      }
      text += '\r\n'
    }
    text += '\r\n'
  }
  text += '  ' + note + '\r\n  w a s d or arrows move, n new game, q quit\r\n'
  process.stdout.write(text)
}

/** Keys as they come: an arrow is ESC [ A, B, C or D. */
class Keys {
  buffer: ArrayBuffer = new ArrayBuffer(64)
  bytes: Uint8Array = Uint8Array.wrap(this.buffer)
  length: i32 = 0
  at: i32 = 0
  state: i32 = 0

  /** The next byte; -1 at the end. */
  next(): i32 {
    if (this.at >= this.length) {
      this.length = process.stdin.read(this.buffer)
      this.at = 0
      if (this.length <= 0) return -1
    }
    return i32(this.bytes[this.at++])
  }
}

function directionOf(key: i32): i32 {
  if (key == 0x77 || key == 0x6b) return up
  if (key == 0x64 || key == 0x6c) return right
  if (key == 0x73 || key == 0x6a) return down
  if (key == 0x61 || key == 0x68) return left
  return none
}

function play(game: Game, keys: Keys): void {
  let escape = 0
  draw(game, 'Make one tile of 2048.')
  for (;;) {
    const key = keys.next()
    if (key < 0 || key == 0x71) return
    let direction = none
    if (escape == 2 && key >= 0x41 && key <= 0x44) {
      direction = key == 0x41 ? up : key == 0x42 ? down : key == 0x43 ? right : left
    } else if (escape == 0) direction = directionOf(key)
    escape = key == 0x1b ? 1 : escape == 1 && (key == 0x5b || key == 0x4f) ? 2 : 0
    if (key == 0x6e) {
      game.begin()
      draw(game, 'A new game.')
    }
    if (direction == none) continue
    if (game.push(direction)) {
      game.moves++
      game.add()
    }
    draw(game, game.isOver() ? 'No move is left. n begins anew.' : 'Move ' + game.moves.toString())
  }
}

const game = new Game()
game.begin()
play(game, new Keys())
process.stdout.write('  ' + game.score.toString() + ' points after ' + game.moves.toString() + ' moves.\r\n')
