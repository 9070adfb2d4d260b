// Conway's game of life on a torus, with a diary of births and deaths.
// Usage: life [size] [generations] [every]
class Board {
  cells: StaticArray<u8>
  next: StaticArray<u8>
  born: i32 = 0
  died: i32 = 0

  constructor(public size: i32) {
    this.cells = new StaticArray<u8>(size * size)
    this.next = new StaticArray<u8>(size * size)
  }

  /** The same pseudo-random soup every time. */
  fill(seed: u32): void {
    for (let i = 0; i < this.cells.length; i++) {
      seed = seed * 1664525 + 1013904223
      this.cells[i] = u8(seed >> 30 == 0)
    }
  }

  @inline
  at(x: i32, y: i32): i32 {
    const size = this.size
    return this.cells[((y + size) % size) * size + ((x + size) % size)]
  }

  neighbours(x: i32, y: i32): i32 {
    let sum = 0
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) sum += this.at(x + dx, y + dy)
    }
    return sum - this.at(x, y)
  }

  step(): void {
    for (let y = 0; y < this.size; y++) {
      for (let x = 0; x < this.size; x++) {
        const alive = this.at(x, y)
        const around = this.neighbours(x, y)
        const lives = around == 3 || (alive == 1 && around == 2)
        if (lives && alive == 0) this.born++
        if (!lives && alive == 1) this.died++
        this.next[y * this.size + x] = u8(lives)
      }
    }
    const swap = this.cells
    this.cells = this.next
    this.next = swap
  }

  population(): i32 {
    let sum = 0
    for (let i = 0; i < this.cells.length; i++) sum += this.cells[i]
    return sum
  }

  row(y: i32): string {
    let text = ''
    for (let x = 0; x < this.size; x++) text += this.at(x, y) ? '#' : '.'
    return text
  }
}

class Diary {
  lines: Array<string> = []

  note(generation: i32, board: Board): void {
    this.lines.push(`generation ${generation}: ${board.population()} alive, ${board.born} born, ${board.died} died`)
    console.log(this.lines[this.lines.length - 1])
  }
}

function argument(index: i32, fallback: i32): i32 {
  const args = process.argv
  return index < args.length ? i32(parseInt(args[index])) : fallback
}

function play(board: Board, diary: Diary, generations: i32, every: i32): void {
  for (let generation = 1; generation <= generations; generation++) {
    board.step()
    if (generation % every == 0) diary.note(generation, board)
  }
}

const size = argument(1, 32)
const board = new Board(size)
const diary = new Diary()
const started = Date.now()
board.fill(2026)
play(board, diary, argument(2, 400), argument(3, 100))
for (let y = 0; y < min(size, 8); y++) console.log(board.row(y))
const seconds = f64(Date.now() - started) / 1000
const lucky = Math.random()
console.log(`${diary.lines.length} notes, time ${seconds >= 0 ? 'went on' : 'ran back'}, chance ${lucky < 1 ? 'fair' : 'odd'}`)
