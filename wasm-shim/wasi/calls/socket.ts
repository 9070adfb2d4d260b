import { type Call, type Context, descriptorAt } from '../context.ts'
import { Errno } from '../errno.ts'

/** There are no sockets yet, so every open descriptor is something else. */
const refuse = (context: Context, fd: number): number =>
  descriptorAt(context, fd) === null ? -Errno.EBADF : -Errno.ENOTSOCK

export const socketCalls: Readonly<Record<string, Call>> = {
  sock_accept: { perform: refuse },
  sock_recv: { perform: refuse },
  sock_send: { perform: refuse },
  sock_shutdown: { perform: refuse },
}
