import type { MountFate, MountToMove } from '../../runtime/transfer/mount-fates.ts'
import { connect } from './connect.ts'
import { isUnreachable } from './retry.ts'
import { closing } from './send.ts'

/** What would become of a session's directories on a server; undefined where nobody answers. Rejects where it refuses. */
export async function askFates(
  server: string,
  token: string | undefined,
  session: string,
  mounts: readonly MountToMove[],
): Promise<readonly MountFate[] | undefined> {
  try {
    const channel = await connect(server, token)
    return await closing(channel, async () => {
      await channel.send({ kind: 'ask', session, files: 'refuse', mounts })
      return (await channel.expect('answer')).mounts
    })
  } catch (error) {
    if (isUnreachable(error)) return undefined
    throw error
  }
}
