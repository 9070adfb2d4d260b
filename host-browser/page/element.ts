/** The embeddable element alone: `<script type="module" src="…/element.js"></script>` (docs/page.md). */
import { defineElement } from './session-element.ts'

export { StasisSession } from './session-element.ts'

defineElement()
