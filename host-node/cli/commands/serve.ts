import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { defineCommand } from '../command.ts'
import { checkMounts } from '../inputs.ts'
import { formatMount } from '../mounts.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { list, value } from '../options.ts'
import { programWords } from '../program-name.ts'
import { dirOption, importOption, jsonOption, storeOption } from '../session-options.ts'
import { tell } from '../supervise.ts'
import { parsePort, parseSize, text } from '../values.ts'

export const defaultPort = 8642

/** Milliseconds for which what has arrived of a session waits for the rest: a week. */
const abandonedAfter = 7 * 24 * 3_600_000

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'Serve a store’s sessions, and the page, over HTTP and WebSocket.',
  operands: '',
  count: [0, 0],
  description: [
    'Others push sessions here, pull them, and have them run here; the page at / resumes them in a browser. A session that ' +
      'runs here may use the directories granted with --dir and no others, whatever who sent it asks for.',
    'Without --host only this machine can reach it. Otherwise a token is needed; one is made up and printed if none is given.',
  ],
  options: {
    host: value('ADDRESS', 'The address to listen on. Default: 127.0.0.1; 0.0.0.0 is all.', text),
    port: value('PORT', `The port to listen on. Default: ${defaultPort}; 0 is any that is free.`, parsePort),
    token: value('TOKEN', 'What callers have to know. Default: $STASIS_TOKEN.', text),
    dir: dirOption,
    import: importOption,
    'allow-origin': list('ORIGIN', 'Pages of this origin may use it, for example https://example.org.', text),
    'allow-host': list('NAME', 'A name by which this machine is called, besides addresses and localhost.', text),
    'max-session': value('SIZE', 'The largest session that is taken (500MB, 4GB). Default: 16GB.', parseSize),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis serve', does: 'for this machine' },
    {
      line: 'stasis serve --host 0.0.0.0 --dir ./data::/data',
      does: 'for others too, with a directory for what runs here',
    },
  ],
  run: async ({ values, terminal }) => {
    checkMounts(values.dir)
    const place = placeOf(values)
    const store = await openPlace(values)
    const { findWeb, StasisServer } = await import('../../serve/server.ts')
    const { RunningSessions } = await import('../../serve/running.ts')
    const { isLoopback } = await import('../../serve/gate.ts')
    const { defaultLimits } = await import('../../../runtime/transfer/receive-blobs.ts')
    const { host = '127.0.0.1', port = defaultPort } = values
    const given = values.token ?? (process.env.STASIS_TOKEN || undefined)
    const token = given ?? (isLoopback(host) ? undefined : randomBytes(24).toString('base64url'))
    const log = (said: string) => tell(said, terminal)
    const sessions = new RunningSessions(store, {
      storeId: place.id,
      mounts: values.dir,
      imports: Object.fromEntries(values.import),
      resume: (name) => [
        ...[...programWords(), 'restore', name, ...place.words],
        ...values.dir.flatMap((mount) => ['--dir', formatMount(mount)]),
      ],
      log,
    })
    const session = values['max-session'] ?? defaultLimits.session
    const limits = { session, blob: Math.min(session, defaultLimits.blob) }
    const server = await StasisServer.listen(
      {
        ...{ host, port, token, web: findWeb() },
        hosts: [host, hostname(), ...values['allow-host']].map((name) => name.toLowerCase()),
        origins: values['allow-origin'],
      },
      { store, storeId: place.id, sessions, limits, log, incoming: new Map() },
    )
    const { removeAbandoned } = await import('../../../runtime/transfer/staging.ts')
    await removeAbandoned(store, Date.now() - abandonedAfter)
    const isMadeUp = token !== undefined && given === undefined
    if (values.json) terminal.out(JSON.stringify({ url: server.url, ...(isMadeUp && { token }) }))
    else {
      terminal.out(`Serving ${place.url} at ${terminal.style('bold', server.url)}`)
      if (isMadeUp) terminal.out(`Token: ${terminal.style('bold', token)}`)
    }
    await ended()
    log('Shutting down…')
    await server.close()
    return 0
  },
})

/** Resolves when the process is told to end; the second time it ends at once. */
function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1))
        resolve()
      })
    }
  })
}
