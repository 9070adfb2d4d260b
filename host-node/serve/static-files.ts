import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
  '.py': 'text/plain; charset=utf-8',
  '.lua': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
}

/**
 * For every answer. The first two isolate the page, which gives it shared memory; the others keep pages of other sites from
 * reading what is here, and browsers from guessing types.
 */
export const safeHeaders: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'SAMEORIGIN',
}

/**
 * A file of the page below `root`, by the path of a URL; undefined where there is none. Whatever the path says, nothing
 * outside of `root` is found, nor anything whose name begins with a dot.
 */
export async function findFile(root: string, urlPath: string): Promise<{ path: string; size: number } | undefined> {
  let decoded: string
  try {
    decoded = decodeURIComponent(urlPath)
  } catch {
    return undefined
  }
  if (!/^\/[^\\\0]*$/.test(decoded)) return undefined
  const parts = decoded.split('/').filter((part) => part !== '')
  if (parts.some((part) => part.startsWith('.'))) return undefined
  if (decoded.endsWith('/')) parts.push('index.html')
  try {
    const top = await realpath(root)
    const path = await realpath(join(top, ...parts))
    if (!path.startsWith(top + sep)) return undefined
    const found = await stat(path)
    return found.isFile() ? { path, size: found.size } : undefined
  } catch {
    return undefined
  }
}

export async function sendFile(
  response: ServerResponse,
  { path, size }: { path: string; size: number },
  isHead: boolean,
) {
  const type = types[extname(path).toLowerCase()] ?? 'application/octet-stream'
  response.writeHead(200, { ...safeHeaders, 'Content-Type': type, 'Content-Length': size, 'Cache-Control': 'no-cache' })
  if (isHead) {
    response.end()
    return
  }
  // A file that shrinks meanwhile, or a caller that goes away: the connection ends, and that is all.
  await pipeline(createReadStream(path, { end: Math.max(0, size - 1) }), response).catch(() => response.destroy())
}
