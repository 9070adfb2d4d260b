import { formatSize } from '../../../runtime/inspect/format.ts'
import { button, h, replace } from '../dom.ts'

/** How much room there is, and whether the browser may take it back. */
export function storageLine(): HTMLElement {
  const line = h('p', { class: 'storage' })
  const show = async (): Promise<void> => {
    const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {}
    const isKept = (await navigator.storage?.persisted?.().catch(() => false)) ?? false
    const room = quota === 0 ? '' : `${formatSize(usage)} of ${formatSize(quota)} used.`
    const promise = isKept
      ? 'The browser keeps it until you delete it.'
      : 'The browser may delete it when the disk gets full.'
    const ask = async () => {
      const granted = await navigator.storage.persist().catch(() => false)
      if (granted) return show()
      replace(
        line,
        `${room} ${promise} It did not agree to keep it: bookmark this page and try again, or save sessions as files.`,
      )
    }
    replace(
      line,
      `${room} ${promise} `,
      isKept || !navigator.storage?.persist
        ? null
        : button('Ask it to keep everything', () => void ask(), { class: 'link' }),
    )
  }
  void show()
  return line
}
