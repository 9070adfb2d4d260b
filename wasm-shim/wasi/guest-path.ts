import type { MountState } from './state.ts'

/** A file's name as the guest sees it. */
export function guestPath(mount: Pick<MountState, 'guest'>, path: string): string {
  if (path === '') return mount.guest
  return mount.guest.endsWith('/') ? `${mount.guest}${path}` : `${mount.guest}/${path}`
}
