/**
 * The functions that Stasis itself offers to a guest, as imports of the module `stasis`: rows like those of WASI (D6), so
 * that they are intercepted, logged, shown and replayed by the same code. Guests use them through the libraries beside.
 */
import type { Param, Row } from '../wasi/abi.ts'

const u32 = (name: string): Param => ({ kind: 'scalar', name, type: 'u32' })
const name: Param = {
  kind: 'string',
  name: 'name',
  direction: 'in',
  size: { from: 'parameter', name: 'name_len', bytes: 1 },
}
/** `used`: the result that says how much of it was written. */
const memory = (of: string, used: string): Param => ({
  kind: 'buffer',
  name: of,
  direction: 'out',
  size: { from: 'parameter', name: `${of}_len`, bytes: 1 },
  used: { from: 'result', name: used, bytes: 1 },
})
const result = (of: string) => ({ kind: 'scalar', name: of, type: 'u32' }) as const

const rows: readonly Row[] = [
  { name: 'present', class: 'pure', params: [], results: [], returns: 'value' },
  { name: 'checkpoint', class: 'blocks', params: [], results: [], returns: 'value' },
  { name: 'disable', class: 'pure', params: [], results: [], returns: 'errno' },
  { name: 'enable', class: 'pure', params: [], results: [], returns: 'errno' },
  {
    name: 'label',
    class: 'pure',
    params: [{ ...name, name: 'text', size: { from: 'parameter', name: 'text_len', bytes: 1 } } as Param],
    results: [],
    returns: 'errno',
  },
  {
    name: 'region',
    class: 'pure',
    params: [name, memory('region', 'filled')],
    results: [result('filled'), result('saved')],
    returns: 'errno',
  },
  {
    name: 'region_saved',
    class: 'pure',
    params: [name, memory('bytes', 'read')],
    results: [result('read')],
    returns: 'errno',
  },
  { name: 'region_forget', class: 'pure', params: [name, u32('address')], results: [], returns: 'errno' },
]

export const guestModule = 'stasis'

export const guestRows: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row.name, row]))
