/** Contents of many kinds, the same on every run. */
export function contents(): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  return [
    { name: 'nothing', bytes: new Uint8Array(0) },
    { name: 'a byte', bytes: Uint8Array.of(7) },
    { name: 'a few words', bytes: words(60, 1) },
    { name: 'a text', bytes: words(2000, 2) },
    { name: 'zeros', bytes: new Uint8Array(70_000) },
    { name: 'noise', bytes: noise(5000, 3) },
    { name: 'a page of numbers', bytes: numbers(4096) },
    { name: 'text, noise and numbers in several blocks', bytes: mixed(262_144) },
  ]
}

function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const vocabulary = 'a checkpoint of the whole program holds memories tables stacks and what its kernel knows'.split(' ')

function words(length: number, seed: number): Uint8Array {
  const next = random(seed)
  let text = ''
  while (text.length < length) text += `${vocabulary[next(vocabulary.length)]}${next(9) === 0 ? '.\n' : ' '}`
  return new TextEncoder().encode(text.slice(0, length))
}

function noise(length: number, seed: number): Uint8Array {
  const next = random(seed)
  return Uint8Array.from({ length }, () => next(256))
}

function numbers(length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(length))
  for (let at = 0; at < length; at += 4) view.setUint32(at, at * 37, true)
  return new Uint8Array(view.buffer)
}

function mixed(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0, i = 0; at < length; i++) {
    const part = [words(3000, i), noise(300, i), numbers(4096), new Uint8Array(2000)][i % 4]!
    bytes.set(part.subarray(0, length - at), at)
    at += part.length
  }
  return bytes
}
