/** How a session changes its place: between tabs of one store, and to servers and back. Both sides are told. */
import { loadLease, mayRun } from '../../../runtime/store/lease.ts'
import type { Progress } from '../../../runtime/transfer/send-blobs.ts'
import { IndexedDbStore } from '../../indexed-db-store.ts'
import type { SessionController } from '../controller.ts'
import { messageOf } from '../notice.ts'
import { lastServer } from './last-server.ts'
import { type ServerPlace, sendToServer, serverOf, takeFromServer } from './server.ts'

/** A tab in the background hears at once, unless it sleeps or hangs. */
const releasePatience = { hear: 3000, stop: 20_000 }

/** Another tab wants it: it is stopped, and that tab told. */
export async function release(controller: SessionController, from: string): Promise<void> {
  const { tabs, name } = controller
  if (controller.session === undefined) return
  tabs.tell({ kind: 'hearing', session: name }, from)
  try {
    await controller.pause('hand-over', { kind: 'handedOver', to: 'another tab' })
    tabs.tell({ kind: 'released', session: name }, from)
  } catch (error) {
    tabs.tell({ kind: 'kept', session: name, reason: messageOf(error) }, from)
  }
}

/** Asks the tab that runs it to stop, and goes on here. */
export async function takeOver(controller: SessionController): Promise<void> {
  controller.show({ kind: 'opening', text: 'Asking the other tab to stop' })
  const answer = await controller.tabs.askToRelease(controller.name, releasePatience)
  if (typeof answer === 'object') {
    controller.show({ kind: 'elsewhere' })
    const text = `It runs on there. ${answer.kept}`
    controller.notify({ look: 'bad', topic: 'handover', title: 'The other tab could not stop it.', text })
    return
  }
  await controller.resume()
  if (answer === 'silent' && controller.phase.kind === 'elsewhere') {
    const text =
      'It may be asleep in the background, or hang. Take the session over: it goes on here from its last call, and what that tab does with it later is not kept.'
    const actions = [{ label: 'Take it over', run: () => void takeByForce(controller) }]
    controller.notify({ look: 'warn', topic: 'handover', title: 'The other tab does not answer.', text, actions })
  }
}

/** From a tab that does not answer; when it does again, it cannot change the session any more. */
async function takeByForce(controller: SessionController): Promise<void> {
  const { store, name, tabs } = controller
  controller.show({ kind: 'opening', text: 'Taking it over' })
  try {
    if (store instanceof IndexedDbStore) await store.takeOver(name)
    tabs.tell({ kind: 'taken', session: name })
    await controller.resume()
  } catch (error) {
    controller.show({ kind: 'elsewhere' })
    controller.notify({ look: 'bad', topic: 'handover', title: 'It was not taken over.', text: messageOf(error) })
  }
}

/** Copies it to a server while it runs, and hands it over. Where that fails it goes on here. */
export async function sendTo(
  controller: SessionController,
  place: ServerPlace,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const { session, store, name } = controller
  const live = session && {
    checkpoint: async () => void (await session.checkpoint({ cause: 'keyframe' })),
    stop: () => controller.pause('hand-over', { kind: 'stopping', text: `Handing it over to ${place.url}` }),
  }
  try {
    const reason = await sendToServer(store, name, { place, onProgress, ...(live && { live }) })
    controller.show({ kind: 'handedOver', to: place.url })
    const title = 'It is there and does not run yet.'
    if (reason !== '') controller.notify({ look: 'warn', topic: 'handover', title, text: reason })
  } catch (error) {
    const isOurs = mayRun(await loadLease(store, name).catch(() => undefined))
    if (session !== undefined && controller.session === undefined && isOurs) await controller.resume()
    throw error
  } finally {
    controller.changed()
  }
}

/** What was handed over comes back: from the tab that runs it, or from the server that has it. */
export async function bringBack(controller: SessionController): Promise<void> {
  const { store, name, phase } = controller
  const lease = await loadLease(store, name)
  if (lease === undefined || mayRun(lease)) {
    const isElsewhere = (await store.owners()).has(name)
    return isElsewhere ? takeOver(controller) : controller.resume()
  }
  controller.show({ kind: 'opening', text: `Fetching it from ${lease.peer}` })
  try {
    const { token } = lastServer()
    await takeFromServer(store, name, { url: serverOf(lease.peer), token }, () => undefined)
  } catch (error) {
    controller.show(phase)
    throw error
  }
  await controller.resume()
}
