import type { ServerPlace } from './server.ts'

/** The server that was spoken to last. The token is forgotten with the tab. */
const urlKey = 'stasis-server'
const tokenKey = 'stasis-token'

export function lastServer(): ServerPlace {
  try {
    return { url: localStorage.getItem(urlKey) ?? '', token: sessionStorage.getItem(tokenKey) ?? '' }
  } catch {
    return { url: '', token: '' }
  }
}

export function rememberServer({ url, token }: ServerPlace): void {
  try {
    localStorage.setItem(urlKey, url)
    sessionStorage.setItem(tokenKey, token)
  } catch {
    // Then it is typed again.
  }
}
