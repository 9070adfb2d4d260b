import type { Frame, StackState } from '../engine/engine.ts'
import { damaged } from './layout.ts'

/**
 * A stack section, all of it 32-bit words:
 *
 *   entry: 0 for the start function, else 1, length of the name in bytes, the name in UTF-8 padded to 4
 *   call:  import (-1 for a poll), number of argument words, the words
 *   frames: their number, then for each: instance, site, number of words, the words
 */
export function encodeStack(stack: StackState): Uint8Array {
  const name = stack.entry.kind === 'start' ? undefined : new TextEncoder().encode(stack.entry.name)
  const nameWords = name === undefined ? 0 : 1 + Math.ceil(name.length / 4)
  const frameWords = stack.frames.reduce((sum, { words }) => sum + 3 + words.length, 0)
  const words = new Uint32Array(1 + nameWords + 2 + stack.call.args.length + 1 + frameWords)
  const bytes = new Uint8Array(words.buffer)
  let at = 0
  words[at++] = name === undefined ? 0 : 1
  if (name !== undefined) {
    words[at] = name.length
    bytes.set(name, (at + 1) * 4)
    at += nameWords
  }
  words[at++] = stack.call.import >>> 0
  words[at++] = stack.call.args.length
  words.set(stack.call.args, at)
  at += stack.call.args.length
  words[at++] = stack.frames.length
  for (const frame of stack.frames) {
    words[at++] = frame.instance
    words[at++] = frame.site
    words[at++] = frame.words.length
    words.set(frame.words, at)
    at += frame.words.length
  }
  return bytes
}

/** `offset` is the section's place in the image, for errors; `instances` bounds the frames' instance numbers. */
export function decodeStack(section: Uint8Array, offset: number, instances: number): StackState {
  if (section.length % 4 !== 0) throw damaged('a stack section is not made of whole words', offset)
  // Copied: words outlive the image, and a caller may hand in bytes at any alignment. (Not by slice: Node's Buffer.)
  const words = new Uint32Array(new Uint8Array(section).buffer)
  let at = 0
  const fail = (message: string): never => {
    throw damaged(message, offset + at * 4)
  }
  const next = (): number => (at < words.length ? words[at++]! : fail('a stack section ends too early'))
  const take = (what: string): Uint32Array => {
    const count = next()
    if (count > words.length - at) fail(`${count} words of ${what} are announced and ${words.length - at} remain`)
    at += count
    return words.slice(at - count, at)
  }
  const entry = readEntry()
  const call = { import: next() | 0, args: take('arguments') }
  if (call.import < -1) fail(`the call names import ${call.import}`)
  const frames: Frame[] = []
  for (let count = next(); count > 0; count--) {
    const instance = next()
    if (instance >= instances) fail(`a frame names instance ${instance} of ${instances}`)
    frames.push({ instance, site: next(), words: take('a frame') })
  }
  if (at !== words.length) fail(`${words.length - at} words are left over after a stack`)
  return { entry, call, frames }

  function readEntry(): StackState['entry'] {
    const kind = next()
    if (kind === 0) return { kind: 'start' }
    if (kind !== 1) fail(`the entry of a stack has the unknown kind ${kind}`)
    const length = next()
    const size = Math.ceil(length / 4)
    if (size > words.length - at) fail(`a name of ${length} bytes is announced`)
    const bytes = new Uint8Array(words.buffer, at * 4, size * 4)
    if (bytes.subarray(length).some((byte) => byte !== 0)) fail('the padding of a name is not zero')
    let name = ''
    try {
      name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length))
    } catch {
      fail('a name is not UTF-8')
    }
    at += size
    return { kind: 'export', name }
  }
}
