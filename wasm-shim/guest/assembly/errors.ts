/** The numbers of wasi_snapshot_preview1. */
export const EAGAIN = 6
export const EBADMSG = 9
export const EBUSY = 10
export const EEXIST = 20
export const EINVAL = 28
export const ENOENT = 44
export const ENOTSUP = 58
export const ERANGE = 68

let message = 'Nothing has failed.'

export function lastMessage(): string {
  return message
}

/** Keeps the sentence, and returns the number. */
export function fail(errno: i32, text: string): i32 {
  message = text
  return errno
}

export function failSystem(errno: i32, what: string): i32 {
  return fail(errno, `${what} (errno ${errno}).`)
}

export function damaged(at: u64): i32 {
  return fail(EBADMSG, `The checkpoint file is damaged at byte ${at}.`)
}
