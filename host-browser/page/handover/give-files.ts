import { putSessionFiles } from '../../../runtime/session/session-files.ts'
import type { SessionController } from '../controller.ts'
import { messageOf } from '../notice.ts'

/** Puts files into the root directory of a session, which stands still for that. Says how it went. */
export async function giveFiles(controller: SessionController, files: readonly File[]): Promise<void> {
  const { store, name, isRunning } = controller
  const names = files.map((file) => file.name).join(', ')
  try {
    const contents = await Promise.all(
      files.map(async (file) => [`/${file.name}`, new Uint8Array(await file.arrayBuffer())] as const),
    )
    if (isRunning) await controller.pause('files', { kind: 'stopping', text: `Giving it ${names}` })
    await putSessionFiles(store, name, Object.fromEntries(contents), Date.now())
    const text = `is in its root directory now. It travels with the session.`
    controller.notify({ look: 'plain', topic: 'files', title: names, text, lasts: 8000 })
  } catch (error) {
    controller.notify({ look: 'bad', topic: 'files', title: `${names} was not put into it.`, text: messageOf(error) })
  }
  if (isRunning && !controller.isRunning) await controller.resume()
  else controller.changed()
}
